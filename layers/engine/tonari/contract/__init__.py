"""Every JSON that crosses a border."""

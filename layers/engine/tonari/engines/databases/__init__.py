"""Vector databases elsewhere, each behind the same port; a module is imported when its engine is asked for."""

"""The command line and the workbench of tonari: in no Lambda layer."""

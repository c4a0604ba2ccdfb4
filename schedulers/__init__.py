"""Who decides: allocation algorithms over one problem type."""

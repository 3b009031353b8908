"""The report page: one HTML file without any server or network, and its figures as files beside it."""

"""Documents that leave: PDF, e-invoices after EN 16931 and CSV, all from one content."""

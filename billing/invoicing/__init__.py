"""From what customers owe to documents they pay: drafts, invoices, credit and debit notes."""

"""What customers may use now: their entitlements, and the decision whether a call may be made."""

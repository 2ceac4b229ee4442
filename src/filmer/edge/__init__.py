"""What stands in front of the framework: limits, cross-site rules, the cache of whole answers, overload."""

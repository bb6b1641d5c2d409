"""Is one version better than another on the same rows?"""

"""Which processes make one running service, and how do all of them end together?"""

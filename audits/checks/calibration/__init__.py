"""Do the scores mean what they say?"""

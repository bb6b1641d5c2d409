"""How well does the model rank and predict outcomes?"""

"""How far do groups of people differ in what the model does to them?"""

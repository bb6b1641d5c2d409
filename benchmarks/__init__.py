"""How does Cadastre compare with what one would use instead, in the same run on the same machine?"""

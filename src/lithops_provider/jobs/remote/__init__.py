"""
What runs inside the functions. Shipped by value with each job, so a runtime needs nothing but Lithops:
modules here import the standard library only, and Lithops or cloudpickle inside functions.
"""

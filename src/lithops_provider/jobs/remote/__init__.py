"""
What runs where functions run. It is shipped by value with each job, so a runtime needs nothing but Lithops: modules
here import the standard library only, and Lithops or cloudpickle within functions.
"""

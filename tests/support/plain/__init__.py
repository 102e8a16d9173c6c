"""The reading API executed plainly: graphql-core, one resolver a field, over rows held in memory.

It shares nothing with the planner but the catalog's names: conditions, orders, pages, figures and the rules
of who sees what are written out a second time, as simply as can be, so that the two can be compared.
"""

"""One try of a task, from the parameters of its operator to its result in XCom."""

package twiml

func parseDial(e *element) verb { return &unknown{name: "Dial"} }

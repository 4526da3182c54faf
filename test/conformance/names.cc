// Names: what the device makes of nr_name, before any port is looked at.
#include "ports.h"

NOUN("names");

CASE("an interface that does not exist is not found") { EXPECT(opening(plain("no")), ENXIO); }

CASE("an interface name of 16 characters is not found") { EXPECT(opening("c234567890123456"), ENXIO); }

CASE("the loopback interface cannot be opened") { EXPECT(opening("lo"), EINVAL); }

CASE("a switch without a port cannot be opened") { EXPECT(opening(vale_switch()), ENOMEM); }

CASE("a port name of 15 characters is taken, one of 16 refused") {
  EXPECT(opening(vale("p23456789012345")), 0);
  EXPECT(opening(vale("p234567890123456")), ENOMEM);
}

CASE("a switch name of 15 characters is taken, one of 16 refused") {
  const std::string fifteen = (vale_switch() + "xxxxxxxxxxx").substr(0, 15);
  EXPECT(opening(fifteen + ":a"), 0);
  EXPECT(opening(fifteen + "y:a"), ENOMEM);
}

CASE("a switch name has letters, digits and underscores, and nothing else") {
  EXPECT(opening(vale_switch('_') + ":a"), 0);
  for (char wrong : {'-', '.', ' ', '/', '+'}) EXPECT(opening(vale_switch(wrong) + ":a"), ENOMEM);
}

CASE("three letters make a VALE name: valX is a switch as valeX is") {
  EXPECT(opening("val" + plain("") + ":a"), 0);
  EXPECT(opening("val" + plain("")), ENOMEM);
}

CASE("a VALE port cannot have the name of an interface that nobody attached") {
  EXPECT(opening(vale("lo")), EINVAL);
}

CASE("switches and ports whose names differ in case are different ones") {
  Port lower(vale("a", 's')), upper(vale("a", 'S')), other(vale("A", 's'));
  lower.send(to_everybody());
  EXPECT(other.receive().size(), 1);
  EXPECT(upper.receive().size(), 0);
}

CASE("a pipe without a name is refused") {
  EXPECT(opening(plain("p") + "{"), EINVAL);
  EXPECT(opening(plain("p") + "}"), EINVAL);
}

CASE("a pipe without a parent is refused") {
  EXPECT(opening("{1"), EINVAL);
  EXPECT(opening("}1"), EINVAL);
}

CASE("a pipe's name is any text after the last brace") {
  Port master(plain("p") + "{a.b-c d"), slave(plain("p") + "}a.b-c d");
  master.send(to_everybody());
  EXPECT(slave.receive().size(), 1);
}

CASE("pipes whose names differ are different pipes") {
  Port one(plain("p") + "{1"), other(plain("p") + "}01");
  one.send(to_everybody());
  EXPECT(other.receive().size(), 0);
}

CASE("looking for a name that no request may make says that it is not there") {
  nmreq_port_hdr header = {};
  EXPECT(asking({.type = NETMAP_REQ_PORT_HDR_GET, .name = vale_switch(), .body = &header}), ENXIO);
  EXPECT(asking({.type = NETMAP_REQ_PORT_HDR_GET, .name = vale("a"), .body = &header}), ENXIO);
}

CASE("the netmap_if carries the first 15 characters of the name") {
  Port port(vale("abcdefgh"));
  EXPECT(std::string(port.nifp->ni_name), vale("abcdefgh").substr(0, 15));
}

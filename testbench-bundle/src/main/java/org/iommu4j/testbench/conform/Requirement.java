package org.iommu4j.testbench.conform;

/** A rule that a vendor's bundle keeps. The order is that of the checklist: what later rules build on comes first. */
enum Requirement {
    MANIFEST_IDENTITY("manifest.identity", "has a symbolic name and a version"),
    MANIFEST_IMPORTS(
            "manifest.imports",
            "imports packages of the contract, the simulation and the driver only, each below its next major version"),
    MANIFEST_CONTENT("manifest.content", "brings no copy of a shared package, and classes for Java 17 or older"),
    MANIFEST_OFFER("manifest.offer", "offers a Backend, made by a component that names its model"),
    INSTALL_RESOLVE("install.resolve", "resolves, starts, and its backend comes"),
    INSTALL_TRIAL("install.trial", "passes the trial of the core and serves its model"),
    DESCRIBE_SELF("describe.self", "describes itself as its manifest does, in numbers that make sense"),
    DESCRIBE_GENERATIONS(
            "describe.generations",
            "makes chip and driver of each generation; refuses an unknown one as EPROTONOSUPPORT"),
    DESCRIBE_SETTINGS("describe.settings", "refuses a capability that does not exist as EINVAL"),
    LAYOUT_NAMES("layout.names", "each structure has a name of its own and names the section that defines it"),
    LAYOUT_DOCUMENTED(
            "layout.documented", "structures say what most fields mean, and have commands and binds among them"),
    LAYOUT_ROUND_TRIP("layout.round-trip", "every structure and request is read as it was written"),
    CONTRACT_BLOCKED("contract.blocked", "a device for which nothing is bound reaches no memory"),
    CONTRACT_BOUND("contract.bound", "a bind that is answered with success lets the device reach its memory"),
    CONTRACT_INVALIDATE("contract.invalidate", "after an invalidation the device does not use what it was for"),
    CONTRACT_UNBIND("contract.unbind", "after an unbind the device does not use the binding"),
    CONTRACT_DETACH("contract.detach", "a device that was removed reaches no memory"),
    CONTRACT_CLOSE("contract.close", "devices of a closed domain reach no memory"),
    CONTRACT_STRANGERS("contract.strangers", "a bind for a device of nobody is refused"),
    CONTRACT_RESERVED("contract.reserved", "a reserved bit in the vendor part of an invalidation is refused by V34"),
    CASES_OWN("cases.own", "its own cases come to what they say"),
    GENERATED_CONTRACT("generated.contract", "made-up requests break no invariant"),
    GENERATED_COMMANDS("generated.commands", "made-up native commands and calls break no invariant"),
    GENERATED_TABLES("generated.tables", "made-up edits of tables break no invariant"),
    GENERATED_REGISTERS("generated.registers", "made-up register accesses break no invariant"),
    STATE_CHIP("state.chip", "a restored chip is as the saved one, and saving it gives the same state"),
    STATE_DRIVER("state.driver", "a restored driver is as the saved one, and writes nothing until it is called"),
    STATE_GUEST("state.guest", "a restored virtual IOMMU is as the saved one"),
    STATE_DAMAGED("state.damaged", "a damaged state is refused by a typed error"),
    STATE_UNKNOWN("state.unknown", "refuses a state of a version that it does not read, as EPROTONOSUPPORT or EINVAL"),
    STATE_RELEASED(
            "state.released", "goes on from the states that its earlier releases wrote, and writes them as they were"),
    SWAP_ITSELF("swap.itself", "swapped with a copy of itself under load it loses nothing"),
    SWAP_RELEASED("swap.released", "goes on from the state of other releases under load and loses nothing"),
    SWAP_EXCEPTIONS("swap.exceptions", "threw nothing so far that the core had to contain"),
    HOST_MEMORY("host.memory", "without memory of the host it refuses, and works again when there is some"),
    HOST_INTERRUPTS("host.interrupts", "works when interrupts are lost"),
    HOST_TIME_OUTS("host.time-outs", "devices that do not answer end in a typed answer, in time"),
    HOST_EXCEPTIONS("host.exceptions", "an exception from the chip's port ends in a typed error"),
    HOST_GONE("host.gone", "a chip that has gone and reads as ones ends in an error, in time"),
    LEAVE_PAGES("leave.pages", "gives back the pages that it took for a domain"),
    LEAVE_NOTHING("leave.nothing", "its classes are gone when it is uninstalled");

    private final String id;
    private final String about;

    Requirement(String id, String about) {
        this.id = id;
        this.about = about;
    }

    /** The name in reports and on the command line. */
    String id() {
        return id;
    }

    /** The rule as a sentence about the bundle. */
    String about() {
        return about;
    }
}

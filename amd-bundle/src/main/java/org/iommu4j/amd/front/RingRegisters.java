package org.iommu4j.amd.front;

import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViRegisters.Ring;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.ring.CommandRing;

/**
 * What the registers of all rings have in common, 48882 2.4 and 2.5: writing the base empties the ring, and head and tail count
 * modulo its length. Entries have the size of a command.
 */
final class RingRegisters {
    private RingRegisters() {}

    /** Lets {@code ring} follow software's writes of head and tail. */
    static void follow(RegisterFile registers, Ring place, CommandRing ring) {
        keepInside(registers, place.head(), ring);
        keepInside(registers, place.tail(), ring);
        registers.onWrite(place.head(), (before, after, written, lanes) -> ring.setHead(after));
        registers.onWrite(place.tail(), (before, after, written, lanes) -> ring.setTail(after));
    }

    private static void keepInside(RegisterFile registers, Register offset, CommandRing ring) {
        registers.filterWrites(
                offset,
                (before, proposed, written, lanes) -> proposed & ((long) ring.entries() * ring.entryBytes() - 1));
    }

    /**
     * Lets {@code ring} begin anew, empty, where software's writes of the base register say.
     *
     * @param then what follows
     */
    static void followBase(RegisterFile registers, Ring place, CommandRing ring, Runnable then) {
        long fields = Rings.BASE_ADDRESS.mask() | Rings.LENGTH.mask();
        registers.onWrite(place.base(), (before, after, written, lanes) -> {
            if ((lanes & fields) != 0) {
                moved(registers, place, ring);
                then.run();
            }
        });
        moved(registers, place, ring);
    }

    private static void moved(RegisterFile registers, Ring place, CommandRing ring) {
        configure(registers, place, ring);
        registers.set(place.head(), 0);
        registers.set(place.tail(), 0);
    }

    private static void configure(RegisterFile registers, Ring place, CommandRing ring) {
        long base = registers.get(place.base());
        ring.configure(Rings.BASE_ADDRESS.get(base), AmdViCommand.BYTES, 1 << Rings.LENGTH.getInt(base));
    }

    /** The ring goes on where the registers say that it is. */
    static void loaded(RegisterFile registers, Ring place, CommandRing ring) {
        configure(registers, place, ring);
        ring.setHead(registers.get(place.head()));
        ring.setTail(registers.get(place.tail()));
    }
}

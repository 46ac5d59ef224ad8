package org.iommu4j.spapr.translate;

import static org.iommu4j.contract.Uapi.FLAGS_NO_PASID;
import static org.iommu4j.contract.Uapi.SCOPE_VADDR;
import static org.iommu4j.spapr.Machine.LIOBN;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Rule;
import org.iommu4j.spapr.Machine;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Checks of the vendor part, docs/spec/spapr-tce.md 5.3, in their order. */
class VendorPartTest {
    private static final int DOMAIN = 1;
    private static final long L = 0x8000_0000L;
    private static final long ANY = 0xffff_ffffL;
    private static final int KILL = 0;
    private static final int CLEAR = 1;
    private static final int REWRITE = 2;

    private final Machine machine = Machine.of(2);

    @BeforeEach
    void shouldBindATable() {
        machine.open(DOMAIN);
        assertEquals(Errno.OK, machine.attach(DOMAIN, LIOBN, 0x1000_0000, 1));
        machine.takeHex();
    }

    private Errno send(byte[] payload) {
        Errno errno = machine.invalidate(DOMAIN, SCOPE_VADDR, FLAGS_NO_PASID, 0x1000, 0x1000, payload);
        assertEquals(errno == Errno.OK, !machine.takeHex().isEmpty());
        return errno;
    }

    @Test
    void shouldTakeWhatIsLegal() {
        assertEquals(Errno.OK, send(Machine.payload(L, REWRITE, 12, ANY, 0)));
        assertEquals(Errno.OK, send(Machine.payload(ANY, REWRITE, 0, ANY, 0)));
        assertEquals(Errno.OK, send(Machine.payload(ANY, CLEAR, 0, ANY, 0)));
    }

    @Test
    void shouldRefuseReservedBitsFirst() {
        assertEquals(Errno.EINVAL, send(Machine.payload(1, 9, 9, 9, 1)));
        assertEquals(Rule.V34, machine.last().rule());
        byte[] tail = Machine.payload(L, REWRITE, 0, ANY, 0);
        tail[31] = 1;
        assertEquals(Errno.EINVAL, send(tail));
        assertEquals(31, machine.last().offset());
        assertEquals(1, machine.last().value());
    }

    @Test
    void shouldRefuseOperationsThatTheGenerationDoesNotHave() {
        assertEquals(Errno.EOPNOTSUPP, send(Machine.payload(1, KILL, 9, 9, 0)));
        assertEquals("op", machine.last().field());
        assertEquals(4, machine.last().offset());
        assertEquals(Errno.EOPNOTSUPP, send(Machine.payload(L, 3, 0, ANY, 0)));
        assertEquals(Errno.EOPNOTSUPP, machine.invalidate(DOMAIN, 0, 0, 0, 0, Machine.payload(L, CLEAR, 0, ANY, 0)));
    }

    @Test
    void shouldRefuseALiobnOfAnother() {
        assertEquals(Errno.ENOENT, send(Machine.payload(L + 1, REWRITE, 9, 9, 0)));
        assertEquals("liobn", machine.last().field());
    }

    @Test
    void shouldRefuseEveryPeNumber() {
        assertEquals(Errno.EPERM, send(Machine.payload(L, REWRITE, 12, 0, 0)));
        assertEquals(Rule.V36, machine.last().rule());
        assertEquals("pe", machine.last().field());
        assertEquals(12, machine.last().offset());
    }

    @Test
    void shouldRefuseAnotherPageSize() {
        assertEquals(Errno.EINVAL, send(Machine.payload(L, REWRITE, 16, 9, 0)));
        assertEquals(Rule.V35, machine.last().rule());
        assertEquals(
                List.of("page_shift", 8),
                List.of(machine.last().field(), machine.last().offset()));
        assertEquals(Errno.EINVAL, machine.invalidate(DOMAIN, 0, 0, 0, 0, Machine.payload(ANY, REWRITE, 16, ANY, 0)));
    }
}

package org.iommu4j.spapr.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Uapi;
import org.iommu4j.spapr.Machine;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A guest edits its table while another of its threads invalidates: no edit is undone, and none is missed afterwards. */
class EditsBesideInvalidationsTest {
    private static final int DOMAIN = 1;
    private static final int LIOBN = 0x8000_0000;
    private static final long TABLE = 0x40_0000;
    private static final int ENTRIES = 512;
    private static final long PAGE = 0x1000;
    private static final long FRAMES = 0x100_0000;
    private static final long NANOS = Long.getLong("iommu4j.edits.millis", 500) * 1_000_000;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5})
    void shouldKeepEveryEdit(int subVersion) throws InterruptedException {
        Machine machine = Machine.of(subVersion);
        assertEquals(Errno.OK, machine.open(DOMAIN));
        assertEquals(Errno.OK, machine.attach(DOMAIN, LIOBN, TABLE, 1));
        AtomicBoolean stopped = new AtomicBoolean();
        AtomicReference<String> undone = new AtomicReference<>();
        Thread editor = new Thread(() -> {
            long round = 0;
            while (!stopped.get() && undone.get() == null) {
                round++;
                for (int i = 0; i < ENTRIES; i++) {
                    long place = TABLE + 8L * i;
                    long found = machine.memory().readLongBe(place);
                    if (round > 1 && found != entry(round - 1, i)) {
                        undone.set("entry " + i + " of round " + round + " is 0x" + Long.toHexString(found));
                    }
                    machine.memory().writeLongBe(place, entry(round, i));
                }
            }
        });
        editor.start();
        long end = System.nanoTime() + NANOS;
        try {
            while (System.nanoTime() < end && undone.get() == null) {
                assertEquals(
                        Errno.OK, machine.invalidate(DOMAIN, Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, ENTRIES * PAGE));
                assertEquals(Errno.OK, machine.invalidate(DOMAIN, Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, PAGE));
            }
        } finally {
            stopped.set(true);
            editor.join();
        }
        assertEquals(null, undone.get());
        for (int i = 0; i < ENTRIES; i++) {
            machine.read(LIOBN, i * PAGE);
            machine.memory().writeLongBe(TABLE + 8L * i, entry(1, i));
        }
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, ENTRIES * PAGE));
        for (int i = 0; i < ENTRIES; i++) {
            assertEquals(entry(1, i) & -PAGE, machine.read(LIOBN, i * PAGE));
        }
    }

    private static long entry(long round, int index) {
        return FRAMES + (round % 1000 * ENTRIES + index) % 16384 * PAGE | 3;
    }
}

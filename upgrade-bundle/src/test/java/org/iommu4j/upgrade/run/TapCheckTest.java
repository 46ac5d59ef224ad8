package org.iommu4j.upgrade.run;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TapCheckTest {
    private static final long[] IOVA = {0xfff0_0000L, 0xfff1_0000L, 0xfff2_0000L};

    private final TapCheck tap = new TapCheck(IOVA.length);

    @BeforeEach
    void learnOneCommandForEachButTwoForTheLast() {
        for (int slot = 0; slot < IOVA.length; slot++) {
            tap.watch(IOVA[slot], slot);
            tap.learn();
            show(slot);
            if (slot == 2) {
                show(slot);
            }
            tap.learned(slot);
        }
    }

    @Test
    void shouldAcceptEveryCommandInOrder() {
        tap.expect(new int[] {1, 2, 0}, 3);
        show(1);
        show(2);
        tap.command(new byte[16]);
        show(2);
        show(0);

        result(0, 0, 0);
    }

    @Test
    void shouldMissACommand() {
        tap.expect(new int[] {1, 2}, 2);
        show(1);
        show(2);

        result(1, 0, 0);
    }

    @Test
    void shouldFindACommandThatCameTwice() {
        tap.expect(new int[] {1}, 1);
        show(1);
        show(1);

        result(0, 1, 0);
    }

    @Test
    void shouldFindACommandThatNobodyAskedFor() {
        tap.expect(new int[] {1}, 0);
        show(1);

        result(0, 1, 0);
    }

    @Test
    void shouldFindCommandsOutOfOrder() {
        tap.expect(new int[] {0, 1}, 2);
        show(1);
        show(0);

        result(0, 0, 2);
    }

    @Test
    void shouldRecognizeAnAddressInEitherByteOrder() {
        tap.expect(new int[] {0}, 1);
        tap.command(ByteBuffer.allocate(16)
                .order(ByteOrder.BIG_ENDIAN)
                .putLong(2)
                .putLong(IOVA[0] | 0x3f)
                .array());

        result(0, 0, 0);
    }

    private void show(int slot) {
        tap.command(ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(0x32)
                .putLong(IOVA[slot] | 0x40)
                .array());
    }

    private void result(int missing, long doubled, long reordered) {
        assertEquals(missing, tap.missing());
        assertEquals(doubled, tap.doubled());
        assertEquals(reordered, tap.reordered());
    }
}

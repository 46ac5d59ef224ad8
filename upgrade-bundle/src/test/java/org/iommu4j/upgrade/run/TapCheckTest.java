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

    @Test
    void shouldRecognizeAnAddressInARegisterThatHasMoreInIt() {
        tap.expect(new int[] {0}, 1);
        // A kill register: what to kill in its high bits, of which endpoint in its low ones.
        tap.command(
                ByteBuffer.allocate(8).putLong(0x2000_0000_0000_01abL | IOVA[0]).array());

        result(0, 0, 0);
    }

    @Test
    void shouldRecognizeAnAddressInARegisterBehindAnInstruction() {
        tap.expect(new int[] {0, 1}, 2);
        tap.command(ByteBuffer.allocate(20)
                .putInt(0xb9d3_0024)
                .putLong(7)
                .putLong(IOVA[0])
                .array());
        tap.command(ByteBuffer.allocate(14)
                .putInt(0xe320_5040)
                .putShort((short) 0xd0)
                .putLong(IOVA[1])
                .array());

        result(0, 0, 0);
    }

    @Test
    void shouldAskForACommandAtLeastWhereNoneShowsAnAddress() {
        TapCheck whole = new TapCheck(2);
        whole.watch(IOVA[0], 0);
        whole.watch(IOVA[1], 1);
        for (int slot = 0; slot < 2; slot++) {
            whole.learn();
            whole.command(new byte[8]);
            assertEquals(1, whole.learned(slot));
        }

        whole.expect(new int[] {0, 1}, 2);
        assertEquals(2, whole.missing());
        whole.command(new byte[8]);
        assertEquals(0, whole.missing());
        assertEquals(0, whole.doubled());
    }

    @Test
    void shouldTellThatNothingWasWrittenWhileItLearned() {
        tap.learn();

        assertEquals(0, tap.learned(0));
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

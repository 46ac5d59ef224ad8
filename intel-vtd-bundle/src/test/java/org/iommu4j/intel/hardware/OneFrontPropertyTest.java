package org.iommu4j.intel.hardware;

import static org.iommu4j.intel.hardware.VtdUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.SplittableRandom;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.contract.Completion;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.UnitRegisters;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.guest.VtdGuestDecoder;
import org.iommu4j.layout.Register;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/** The chip and the virtual unit answer software alike: every register, after any writes and any descriptors. */
final class OneFrontPropertyTest {
    private static final long QUEUE = 0x20_0000;
    private static final long STATUS = 0x30_0000;
    private static final int BLOCK_BYTES = 0x400;

    /** First words of descriptors that are nearly right. */
    private static final long[] NEARLY = {0x11, 0x21, 0x31, 0xd2, 0xe2, 0xf2, 0x3, 0x4, 0x14, 0x25, 0x35, 0x45};

    @Test
    void shouldShowTheRegistersOfTheChip() {
        int[] consumed = new int[1];
        Property.check(400, random -> consumed[0] += run(random));
        assertTrue(consumed[0] > 1000, () -> "only " + consumed[0] + " descriptors were consumed");
    }

    private static int run(SplittableRandom random) {
        int subVersion = random.nextInt(4) == 0 ? VtdGeneration.LEGACY_REG : VtdGeneration.LEGACY_QI;
        VtdUnit.Recipe recipe = recipe().generation(subVersion)
                .cap("PSI", random.nextInt(2))
                .cap("PLMR", random.nextInt(2))
                .cap("ESRTPS", random.nextInt(2))
                .ecap("DT", random.nextInt(2))
                .ecap("IR", random.nextInt(2));
        VtdUnit unit = recipe.make();
        unit.chip.stepping(true);
        VtdGuestDecoder guest = new VtdGuestDecoder(recipe.config(), unit.memory);
        Requests requests = new Requests();
        if (random.nextInt(4) != 0) {
            write(VtdUnit.IQA, 8, QUEUE, unit, guest, requests);
            write(VtdUnit.GCMD, 4, VtdUnit.QIE, unit, guest, requests);
        }
        List<Register> registers = UnitRegisters.of(VtdCapabilities.of(recipe.config()));
        int consumed = 0;
        for (int i = 0; i < 60; i++) {
            if (random.nextInt(3) == 0) {
                Register register = registers.get(random.nextInt(registers.size()));
                int size = random.nextInt(3) == 0 ? 8 : register.widthBytes();
                long value = value(register, random);
                write(register.offset(), size, value, unit, guest, requests);
            } else {
                if (random.nextBoolean()) {
                    write(VtdUnit.FSTS, 4, -1L, unit, guest, requests);
                }
                consumed += descriptor(random, unit, guest, requests);
            }
            for (int offset = 0; offset < BLOCK_BYTES; offset += 4) {
                assertEquals(
                        Long.toHexString(unit.chip.readRegister(offset, 4)),
                        Long.toHexString(guest.readRegister(offset, 4)),
                        "register at 0x" + Integer.toHexString(offset));
            }
        }
        return consumed;
    }

    private static void write(
            int offset, int size, long value, VtdUnit unit, VtdGuestDecoder guest, GuestRequests requests) {
        unit.chip.writeRegister(offset, size, value);
        guest.writeRegister(offset, size, value, requests);
    }

    private static long value(Register register, SplittableRandom random) {
        return switch (register.name()) {
            case "IQA" -> QUEUE | (random.nextInt(4) == 0 ? random.nextLong() & 0x807 : 0);
            case "GCMD" -> random.nextLong() | (random.nextInt(3) != 0 ? VtdUnit.QIE : 0);
            case "FSTS" -> -1L;
            case "IQT" -> random.nextInt(3) == 0 ? random.nextLong() : random.nextInt(256) * 16L;
            default -> random.nextLong();
        };
    }

    /** One descriptor: before the tail of the chip's queue, and in the hands of the virtual unit. */
    private static int descriptor(
            SplittableRandom random, VtdUnit unit, VtdGuestDecoder guest, GuestRequests requests) {
        long address = unit.read8(VtdUnit.IQA);
        int bytes = (address & 0x800) != 0 ? 32 : 16;
        long head = unit.read8(VtdUnit.IQH);
        long tail = (head + bytes) & ((0x1000L << (address & 7)) - 1);
        write(VtdUnit.IQT, 8, tail, unit, guest, requests);
        long word0 = NEARLY[random.nextInt(NEARLY.length)] | (long) random.nextInt(8) << 32;
        long word1 = (word0 & 0xf) == 5 ? STATUS : (long) random.nextInt(1 << 20) << 12 | random.nextInt(20);
        if (random.nextInt(4) == 0) {
            word0 ^= 1L << random.nextInt(64);
            word1 ^= 1L << random.nextInt(64);
        }
        if ((word0 & 0xf) == 5) {
            // A chip ignores what the host's addresses do not have; how wide those are, a virtual unit does not know.
            word1 &= (1L << VtdUnit.HOST_ADDRESS_WIDTH) - 1;
        }
        unit.memory.writeLongLe((address & -0x1000L) + head, word0);
        unit.memory.writeLongLe((address & -0x1000L) + head + 8, word1);
        int consumed = unit.chip.step(1);
        guest.command(IotlbInvalidate.LAYOUT.encode(word0, word1), requests);
        return consumed;
    }

    /** A host that does everything. */
    private static final class Requests implements GuestRequests {
        @Override
        public Completion request(int guestDomain, byte[] bytes) {
            return new Completion();
        }

        @Override
        public void handled(String why) {
            // Nothing to do.
        }

        @Override
        public void refused(String reason) {
            // The guest reads it in its registers.
        }

        @Override
        public void move(int requester, int guestDomain) {
            // No device is there.
        }
    }
}

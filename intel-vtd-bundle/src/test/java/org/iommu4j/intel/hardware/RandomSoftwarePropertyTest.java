package org.iommu4j.intel.hardware;

import static org.iommu4j.intel.hardware.VtdUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.DmaAccess.Outcome;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.command.UnitRegisters;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/** Software and devices that do anything at all: a unit never throws, never hangs, and restores to what it was. */
class RandomSoftwarePropertyTest {
    @Test
    void shouldEndInItsOwnErrorRegistersWhateverSoftwareDoes() {
        Property.check(400, RandomSoftwarePropertyTest::run);
    }

    @Test
    void shouldBeMadeOrRefuseByNameForAnyCapabilities() {
        int[] made = new int[1];
        Property.check(600, random -> {
            VtdUnit.Recipe recipe = recipe();
            for (int i = random.nextInt(6); i >= 0; i--) {
                boolean extended = random.nextBoolean();
                List<BitField> fields = (extended ? Ecap.REGISTER : Cap.REGISTER).fields();
                BitField field = fields.get(random.nextInt(fields.size()));
                long value = random.nextLong() & field.mask() >>> field.shift();
                if (extended) {
                    recipe.ecap(field.name(), value);
                } else {
                    recipe.cap(field.name(), value);
                }
            }
            try {
                VtdUnit unit = recipe.make().translating();
                unit.dma(1, 0x1000, 1);
                made[0]++;
            } catch (BackendException e) {
                String message = e.getMessage();
                assertTrue(List.of("AFL", "FRO", "IRO").stream().anyMatch(message::contains), message);
            }
        });
        assertTrue(made[0] > 100, () -> "only " + made[0] + " were made");
    }

    private static void run(SplittableRandom random) {
        CacheConfig[] caches = CacheConfig.values();
        VtdUnit.Recipe recipe = recipe().cache(caches[random.nextInt(caches.length)])
                .cap("CM", random.nextInt(2))
                .cap("NFR", random.nextInt(4))
                .cap("ESRTPS", random.nextInt(2))
                .cap("PLMR", random.nextInt(2));
        if (random.nextBoolean()) {
            recipe.ram(0x100_0000);
        }
        VtdUnit unit = recipe.make();
        List<Register> rows = UnitRegisters.all();
        for (int i = 0; i < 300; i++) {
            switch (random.nextInt(10)) {
                case 0, 1, 2 -> {
                    Register row = rows.get(random.nextInt(rows.size()));
                    int base = switch (row.name().substring(0, 3).toUpperCase(Locale.ROOT)) {
                        case "IVA", "IOT" -> 0xf0;
                        case "FRC" -> 0x220;
                        default -> 0;
                    };
                    int size = random.nextInt(5) == 0 ? random.nextInt(17) : row.widthBits() / 8;
                    unit.chip.writeRegister(base + row.offset(), size, word(random, unit));
                }
                case 3 -> unit.write8(VtdUnit.IQA, (unit.root & ~0xfffL) + random.nextInt(3));
                case 4 -> unit.write(VtdUnit.GCMD, random.nextInt());
                case 5 -> unit.write(VtdUnit.IQT, random.nextInt(0x1000) & ~15);
                case 6 -> {
                    long at = unit.root + random.nextInt(512) * 8L;
                    unit.memory.writeLongLe(at, word(random, unit));
                }
                case 7 -> {
                    unit.chip.stepping(random.nextBoolean());
                    unit.chip.step(random.nextInt(-1, 4));
                }
                default -> {
                    AddressType[] types = AddressType.values();
                    unit.access
                            .begin(random.nextInt(0x1000), word(random, unit), random.nextInt(8))
                            .withLength(random.nextInt(3))
                            .withPasid(random.nextInt(8) == 0 ? random.nextInt() : DmaAccess.NO_PASID)
                            .as(types[random.nextInt(types.length)]);
                    unit.chip.translate(unit.access);
                    if (unit.access.outcome() == Outcome.FAULT) {
                        assertNotNull(FaultReason.of(unit.access.faultCode()));
                    }
                }
            }
        }
        SimulatedVtd restored = SimulatedVtd.restore(unit.chip.save(), unit.platform);
        for (int offset = 0; offset < 0x300; offset += 4) {
            assertEquals(unit.chip.readRegister(offset, 4), restored.readRegister(offset, 4));
        }
        int[] events = new int[1];
        unit.chip.takeEvents(bytes -> events[0]++);
        assertTrue(events[0] <= 4);
    }

    private static long word(SplittableRandom random, VtdUnit unit) {
        return switch (random.nextInt(6)) {
            case 0 -> random.nextLong();
            case 1 -> -1L << random.nextInt(64);
            case 2 -> 1L << random.nextInt(64);
            case 3 -> unit.root | random.nextInt(4);
            case 4 -> random.nextInt(256);
            default -> random.nextLong() >>> random.nextInt(64);
        };
    }
}

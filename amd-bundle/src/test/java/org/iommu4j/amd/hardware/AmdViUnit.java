package org.iommu4j.amd.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.DevTabBase;
import org.iommu4j.amd.command.AmdViRegisters.Msi;
import org.iommu4j.amd.command.AmdViRegisters.Ring;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.PlatformConfig.Range;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.platform.SimulatedPlatform;

/** A unit on a machine of its own, with the little software that tests need. */
final class AmdViUnit {
    static final int DEVICE = 0x0310;
    static final int DOMAIN = 0x12;
    static final int READ = DmaAccess.READ;
    static final int WRITE = DmaAccess.WRITE;
    static final long DEVICE_TABLE = 0x10_0000L;
    static final long EVENT_LOG = 0x8_0000L;
    static final long PPR_LOG = 0x8_1000L;
    static final long COMMANDS = 0x9_0000L;
    static final long LEAST_LENGTH = Rings.LENGTH.of(Rings.LEAST_LENGTH);

    /** What was delivered: address, data. */
    final List<long[]> interrupts = new ArrayList<>();

    /** What software does when a message arrives. */
    Runnable onInterrupt = () -> {};

    /** What devices were asked to drop: DeviceID, PASID, first address, length. */
    final List<long[]> deviceInvalidations = new ArrayList<>();

    boolean devicesAnswer = true;

    final SimulatedPlatform platform;
    final PhysicalMemory memory;
    final DmaAccess access = new DmaAccess();
    SimulatedAmdVi chip;
    private long control;
    private long tail;

    /** What a unit is made of. */
    static final class Recipe {
        private int subVersion = AmdViGeneration.V3;
        private List<Range> ram = List.of();
        private CacheConfig cache = CacheConfig.DEFAULT;
        private Sanitizer.Mode sanitizer = Sanitizer.Mode.OFF;
        private BiFunction<CacheConfig, SettingValues, TranslationCaches> caches = TranslationCaches::new;
        private final Map<String, Map<String, Long>> fields = new HashMap<>();
        private final Map<String, String> options = new HashMap<>();

        Recipe generation(int value) {
            subVersion = value;
            return this;
        }

        Recipe ram(long bytes) {
            ram = List.of(new Range(0, bytes));
            return this;
        }

        Recipe cache(CacheConfig value) {
            cache = value;
            return this;
        }

        Recipe field(String group, String name, long value) {
            fields.computeIfAbsent(group, key -> new HashMap<>()).put(name, value);
            return this;
        }

        Recipe option(String name, String value) {
            options.put(name, value);
            return this;
        }

        Recipe sanitized() {
            sanitizer = Sanitizer.Mode.ON;
            return this;
        }

        Recipe caches(BiFunction<CacheConfig, SettingValues, TranslationCaches> value) {
            caches = value;
            return this;
        }

        HardwareConfig config() {
            return new HardwareConfig(subVersion, fields, Map.of(), cache, options);
        }

        AmdViUnit make() {
            return new AmdViUnit(this);
        }
    }

    static Recipe recipe() {
        return new Recipe();
    }

    private AmdViUnit(Recipe recipe) {
        platform = new SimulatedPlatform(new PlatformConfig(
                48,
                recipe.ram,
                (address, data) -> {
                    interrupts.add(new long[] {address, data});
                    onInterrupt.run();
                },
                (requester, pasid, iova, bytes) -> {
                    deviceInvalidations.add(new long[] {requester, pasid, iova, bytes});
                    return devicesAnswer;
                },
                recipe.sanitizer));
        memory = platform.memory();
        chip = SimulatedAmdVi.create(recipe.config(), platform, recipe.caches);
    }

    long read(Register register) {
        return chip.readRegister(register.offset(), register.widthBytes());
    }

    void write(Register register, long value) {
        chip.writeRegister(register.offset(), register.widthBytes(), value);
    }

    boolean status(BitField bit) {
        return bit.isSet(read(Status.REGISTER));
    }

    /** Sets bits of the control register. */
    AmdViUnit on(BitField... bits) {
        for (BitField bit : bits) {
            control |= bit.mask();
        }
        write(Control.REGISTER, control);
        return this;
    }

    /** Clears bits of the control register. */
    AmdViUnit off(BitField... bits) {
        for (BitField bit : bits) {
            control &= ~bit.mask();
        }
        write(Control.REGISTER, control);
        return this;
    }

    /** Lets messages be sent. */
    AmdViUnit messages() {
        write(Msi.ADDRESS_REGISTER, 0xfee0_0000L);
        write(Msi.DATA_REGISTER, 0x41);
        write(Msi.CONTROL_REGISTER, Msi.ENABLE.mask());
        return this;
    }

    /** A device table, event log and guest translation; then the unit translates. */
    AmdViUnit translating() {
        return translating(0x1ff);
    }

    AmdViUnit translating(int size) {
        write(DevTabBase.REGISTER, DEVICE_TABLE | size);
        write(Rings.EVENT_LOG.base(), EVENT_LOG | LEAST_LENGTH);
        return on(Control.EVENT_LOG_EN, Control.GT_EN).on(Control.IOMMU_EN);
    }

    /** A command buffer of 256 entries that runs, once the unit translates. */
    AmdViUnit commanding() {
        write(Rings.COMMAND_BUFFER.base(), COMMANDS | LEAST_LENGTH);
        tail = 0;
        return on(Control.CMD_BUF_EN);
    }

    void device(int deviceId, long... words) {
        long at = DEVICE_TABLE + (long) deviceId * DeviceTableEntry.BYTES;
        for (int i = 0; i < words.length; i++) {
            memory.writeLongLe(at + 8L * i, words[i]);
        }
    }

    /** Puts a command into the buffer and rings. */
    void submit(long word0, long word1) {
        memory.writeLongLe(COMMANDS + tail, word0);
        memory.writeLongLe(COMMANDS + tail + 8, word1);
        tail = (tail + 16) % (256 * 16);
        write(Rings.COMMAND_BUFFER.tail(), tail);
    }

    void set(Ring ring, long head, long newTail) {
        write(ring.head(), head);
        write(ring.tail(), newTail);
    }

    DmaAccess dma(int deviceId, long iova, int rights) {
        access.begin(deviceId, iova, rights);
        chip.translate(access);
        return access;
    }

    void assertTranslates(long iova, int rights, long spa) {
        dma(DEVICE, iova, rights);
        assertEquals(DmaAccess.Outcome.TRANSLATED, access.outcome(), () -> "fault " + access.faultCode());
        assertEquals(Long.toHexString(spa), Long.toHexString(access.spa()));
    }

    void assertPasses(int deviceId, long address) {
        dma(deviceId, address, READ);
        assertEquals(DmaAccess.Outcome.TRANSLATED, access.outcome(), () -> "fault " + access.faultCode());
        assertEquals(address, access.spa());
        assertEquals(0, access.pageBytes());
    }

    /** All events in the log, each as four doublewords. */
    List<String> events() {
        List<String> events = new ArrayList<>();
        chip.takeEvents(bytes -> events.add(doublewords(bytes)));
        return events;
    }

    static String doublewords(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (int at = 0; at < bytes.length; at += 4) {
            int word = 0;
            for (int i = 3; i >= 0; i--) {
                word = (word << 8) | (bytes[at + i] & 0xff);
            }
            text.append(text.length() == 0 ? "" : " ").append(String.format("%08x", word));
        }
        return text.toString();
    }
}

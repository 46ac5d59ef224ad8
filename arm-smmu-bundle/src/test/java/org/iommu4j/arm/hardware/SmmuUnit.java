package org.iommu4j.arm.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.iommu4j.arm.command.EventFields;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;

/** A chip on a machine of its own, with the little software that tests need. Offsets and bits are typed from IHI 0070 6.3. */
final class SmmuUnit {
    static final int CR0 = 0x20;
    static final int CR0ACK = 0x24;
    static final int CR2 = 0x2C;
    static final int GBPA = 0x44;
    static final int IRQ_CTRL = 0x50;
    static final int IRQ_CTRLACK = 0x54;
    static final int GERROR = 0x60;
    static final int GERRORN = 0x64;
    static final int STRTAB_BASE = 0x80;
    static final int STRTAB_BASE_CFG = 0x88;
    static final int CMDQ_BASE = 0x90;
    static final int CMDQ_PROD = 0x98;
    static final int CMDQ_CONS = 0x9C;
    static final int EVENTQ_BASE = 0xA0;
    static final int EVENTQ_PROD = 0x100A8;
    static final int EVENTQ_CONS = 0x100AC;
    static final int PRIQ_BASE = 0xC0;
    static final int PRIQ_PROD = 0x100C8;
    static final int PRIQ_CONS = 0x100CC;
    static final int SMMUEN = 1;
    static final int PRIQEN = 2;
    static final int EVENTQEN = 4;
    static final int CMDQEN = 8;
    static final int ATSCHK = 16;

    static final long COMMANDS = 0x0E000000L;
    static final long EVENTS = 0x0F000000L;
    static final int COMMANDS_LOG2 = 8;
    static final int EVENTS_LOG2 = 7;

    /** What was delivered: address, data. */
    final List<long[]> interrupts = new ArrayList<>();

    /** What devices were asked to drop: StreamID, SubstreamID, first address, length. */
    final List<long[]> deviceInvalidations = new ArrayList<>();

    boolean devicesAnswer = true;
    final DmaAccess access = new DmaAccess();
    final FaultyMachine machine;
    final SimulatedSmmu chip;
    private int produced;

    /** What a chip is made of. */
    static final class Recipe {
        private int subVersion = SmmuGeneration.V3_3;
        private CacheConfig cache = CacheConfig.DEFAULT;
        private Function<CacheConfig, TranslationCaches> caches = TranslationCaches::new;
        private final Map<String, Long> fields = new HashMap<>();
        private final Map<String, String> options = new HashMap<>();

        Recipe generation(int value) {
            subVersion = value;
            return this;
        }

        Recipe cache(CacheConfig value) {
            cache = value;
            return this;
        }

        Recipe caches(Function<CacheConfig, TranslationCaches> value) {
            caches = value;
            return this;
        }

        Recipe idr(String name, long value) {
            fields.put(name, value);
            return this;
        }

        Recipe option(String name, String value) {
            options.put(name, value);
            return this;
        }

        SmmuUnit make() {
            return new SmmuUnit(this);
        }
    }

    private SmmuUnit(Recipe recipe) {
        machine = new FaultyMachine(
                (address, data) -> interrupts.add(new long[] {address, data}), (requester, pasid, iova, length) -> {
                    deviceInvalidations.add(new long[] {requester, pasid, iova, length});
                    return devicesAnswer;
                });
        chip = SimulatedSmmu.create(
                new HardwareConfig(
                        recipe.subVersion, Map.of("idr", recipe.fields), Map.of(), recipe.cache, recipe.options),
                machine,
                recipe.caches);
    }

    static Recipe recipe() {
        return new Recipe();
    }

    /** Places both queues and turns them on. */
    SmmuUnit queues() {
        write8(CMDQ_BASE, COMMANDS | COMMANDS_LOG2);
        write8(EVENTQ_BASE, EVENTS | EVENTS_LOG2);
        write(CR0, CMDQEN | EVENTQEN);
        return this;
    }

    /** Turns translation on by the stream table of docs/spec/arm-smmu.md 8.2. */
    SmmuUnit translating(boolean recordsBadStreams) {
        queues();
        write(CR2, recordsBadStreams ? 2 : 0);
        write8(STRTAB_BASE, 0x10000000L);
        write(STRTAB_BASE_CFG, 9);
        write(CR0, CMDQEN | EVENTQEN | SMMUEN);
        return this;
    }

    void write(int offset, long value) {
        chip.writeRegister(offset, 4, value);
    }

    void write8(int offset, long value) {
        chip.writeRegister(offset, 8, value);
    }

    long read(int offset) {
        return chip.readRegister(offset, 4);
    }

    long read8(int offset) {
        return chip.readRegister(offset, 8);
    }

    void store(long pa, long... words) {
        for (int i = 0; i < words.length; i++) {
            machine.all.writeLongLe(pa + 8L * i, words[i]);
        }
    }

    /** Puts a command into the queue and tells the chip. */
    void command(long word0, long word1) {
        int index = produced & ((1 << COMMANDS_LOG2) - 1);
        store(COMMANDS + 16L * index, word0, word1);
        produced = (produced + 1) & ((2 << COMMANDS_LOG2) - 1);
        write(CMDQ_PROD, produced);
    }

    /** Puts a command into the queue; the chip carries it out without an error. */
    void accepted(long word0, long word1) {
        command(word0, word1);
        assertEquals(read(GERRORN), read(GERROR), "error " + (read(CMDQ_CONS) >>> 24));
        assertEquals(produced, read(CMDQ_CONS));
    }

    /** Records that software has not read, as words. */
    List<long[]> events() {
        List<long[]> events = new ArrayList<>();
        chip.takeEvents(record -> {
            long[] words = new long[EventFields.RECORD_WORDS];
            for (int i = 0; i < words.length; i++) {
                words[i] =
                        ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN).getLong(8 * i);
            }
            events.add(words);
        });
        return events;
    }

    DmaAccess dma(int streamId, int substream, long iova, int rights, boolean privileged) {
        access.begin(streamId, iova, rights).withPasid(substream);
        if (privileged) {
            access.asPrivileged();
        }
        chip.translate(access);
        return access;
    }
}

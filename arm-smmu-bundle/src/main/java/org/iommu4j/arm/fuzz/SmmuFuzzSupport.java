package org.iommu4j.arm.fuzz;

import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Gerror;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.arm.command.SmmuRegisters.StreamTableBase;
import org.iommu4j.arm.command.SmmuSettings;
import org.iommu4j.arm.table.ContextDescriptor;
import org.iommu4j.arm.table.Stage1Descriptor;
import org.iommu4j.arm.table.Stage2Descriptor;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.layout.Layout;

/** What a fuzzer has to know of an SMMU: software for a bare chip, with streams of every kind. */
public final class SmmuFuzzSupport implements FuzzSupport {
    private static final int LOG2_STREAMS = 6;
    private static final int LOG2_COMMANDS = 8;
    private static final int LOG2_EVENTS = 7;
    private static final int LOG2_CONTEXTS = 2;
    private static final int MOST_STREAMS = 4;
    private static final int MOST_PAGES = 6;
    private static final int INPUT_BITS = 39;
    private static final int CLUSTER_SHIFT = 21;
    private static final int LAST_LEVEL = 3;
    private static final int PAGE_SHIFT = 12;
    private static final long PAGE = 1L << PAGE_SHIFT;
    private static final int WRITE_BACK = 15;
    private static final int EVERYTHING = 31;

    /** A fuzzer's knowledge. */
    public SmmuFuzzSupport() {
        // Nothing is kept between calls.
    }

    @Override
    public HardwareConfig config(int subVersion, RandomGenerator random) {
        return SmmuSettings.table().vary(subVersion, random);
    }

    @Override
    public FuzzScene bringUp(HardwareConfig config, NativePort port, RandomGenerator random) {
        Scenery scenery = new Scenery(SmmuCapabilities.of(config), port, random);
        long streams = port.platform().allocatePages(1);
        int count = 1 + random.nextInt(MOST_STREAMS);
        for (int i = 0; i < count; i++) {
            scenery.stream(streams, random.nextInt(1 << LOG2_STREAMS), i + 1);
        }
        long ring = port.platform().allocatePages(1);
        long events = port.platform().allocatePages(1);
        scenery.scene.value("CMDQ_BASE", ring | LOG2_COMMANDS);
        scenery.scene.value("STRTAB_BASE", streams);
        port.write(StreamTableBase.REGISTER, StreamTableBase.ADDR.of(streams));
        port.write(StreamTableBase.CONFIG, StreamTableBase.LOG2SIZE.of(LOG2_STREAMS));
        Queue commands = Queue.COMMANDS;
        port.write(
                commands.baseRegister(),
                commands.address().of(ring) | commands.log2Size().of(LOG2_COMMANDS));
        port.write(commands.producer(), 0);
        port.write(commands.consumer(), 0);
        Queue records = Queue.EVENTS;
        port.write(
                records.baseRegister(),
                records.address().of(events) | records.log2Size().of(LOG2_EVENTS));
        port.write(records.producer(), 0);
        port.write(records.consumer(), 0);
        port.write(Cr0.REGISTER, Cr0.CMDQEN.mask() | Cr0.EVENTQEN.mask() | Cr0.SMMUEN.mask());
        return scenery.scene.build();
    }

    @Override
    public void submit(FuzzScene scene, NativePort port, byte[] command) {
        Queue queue = Queue.COMMANDS;
        if (!Cr0.ACK_CMDQEN.isSet(port.read(Cr0.ACK)) || command.length != CommandFields.COMMAND_BYTES) {
            return;
        }
        long base = port.read(queue.baseRegister());
        int log2 = Math.min(queue.log2Size().getInt(base), LOG2_COMMANDS);
        long entries = 1L << log2;
        long tail = queue.write().get(port.read(queue.producer())) & (2 * entries - 1);
        long ring = queue.address().get(base) & -Math.max(entries * CommandFields.COMMAND_BYTES, 32);
        long at = ring + (tail & (entries - 1)) * CommandFields.COMMAND_BYTES;
        if (port.platform().memory().contains(at, command.length)) {
            port.platform().memory().write(at, command, 0, command.length);
        }
        port.write(queue.producer(), (tail + 1) & (2 * entries - 1));
    }

    /** The queue is set up anew, empty, and every cache emptied through it. */
    @Override
    public boolean settle(FuzzScene scene, NativePort port) {
        if (scene.valuesOf("CMDQ_BASE").isEmpty()) {
            return false;
        }
        Queue queue = Queue.COMMANDS;
        long on = port.read(Cr0.REGISTER);
        port.write(Cr0.REGISTER, on & ~Cr0.CMDQEN.mask());
        port.write(queue.baseRegister(), scene.valuesOf("CMDQ_BASE").get(0));
        port.write(queue.producer(), 0);
        port.write(queue.consumer(), 0);
        port.write(Gerror.ACKNOWLEDGED, port.read(Gerror.REGISTER));
        port.write(Cr0.REGISTER, on | Cr0.CMDQEN.mask());
        SmmuCapabilities chip = SmmuCapabilities.read(SmmuGeneration.V3_0, port);
        submit(scene, port, words(SmmuCommand.CFGI_STE_RANGE, CommandFields.RANGE.of(EVERYTHING)));
        submit(scene, port, words(SmmuCommand.TLBI_NSNH_ALL, 0));
        int sent = 2;
        if (SmmuCommand.TLBI_EL2_ALL.gate().isOpen(chip)) {
            submit(scene, port, words(SmmuCommand.TLBI_EL2_ALL, 0));
            sent++;
        }
        if (SmmuCommand.ATC_INV.gate().isOpen(chip)) {
            for (int streamId : scene.requesters()) {
                byte[] all = SmmuCommand.ATC_INV
                        .layout()
                        .encode(
                                SmmuCommand.ATC_INV.word() | CommandFields.SID.of(Integer.toUnsignedLong(streamId)),
                                CommandFields.SIZE.of(CommandFields.SIZE_ALL));
                submit(scene, port, all);
                sent++;
            }
        }
        submit(scene, port, words(SmmuCommand.SYNC, 0));
        return queue.read().get(port.read(queue.consumer())) == sent + 1;
    }

    private static byte[] words(SmmuCommand command, long word1) {
        return command.layout().encode(command.word(), word1);
    }

    @Override
    public ReferenceWalker referenceWalker(HardwareConfig config, NativePort port, boolean driver) {
        return driver ? null : new SmmuReferenceWalker(config.subVersion(), port);
    }

    /** Builds streams with their tables and notes what is worth a look; stage 2 has 4 KiB granules. */
    private static final class Scenery {
        private final SmmuCapabilities chip;
        private final NativePort port;
        private final PhysicalMemory memory;
        private final RandomGenerator random;
        private final FuzzScene.Builder scene = new FuzzScene.Builder();

        Scenery(SmmuCapabilities chip, NativePort port, RandomGenerator random) {
            this.chip = chip;
            this.port = port;
            this.random = random;
            memory = port.platform().memory();
        }

        private long page() {
            return port.platform().allocatePages(1);
        }

        /** An empty table, aligned to its size, which stage 2 maps to itself. */
        private long table(Granule granule, long outer) {
            int pages = 1 << (granule.shift() - PAGE_SHIFT);
            long space = port.platform().allocatePages(2 * pages - 1);
            long size = 1L << granule.shift();
            long table = (space + size - 1) & -size;
            identities(outer, table, size);
            return table;
        }

        private void identities(long outer, long base, long lengthBytes) {
            for (long at = base; at < base + lengthBytes; at += PAGE) {
                identity(outer, at);
            }
        }

        private Granule granule() {
            List<Granule> granules =
                    Stream.of(Granule.values()).filter(chip::hasGranule).toList();
            return granules.get(random.nextInt(granules.size()));
        }

        /** A stream of some kind with a VMID of its own. */
        void stream(long streams, int streamId, int vmid) {
            boolean second = chip.hasStage2();
            int kind = second ? random.nextInt(8) : 2 + random.nextInt(2);
            long at = streams + (long) streamId * StreamTableEntry.BYTES;
            long[] ste = new long[StreamTableEntry.WORDS];
            int config = kind == 0
                    ? StreamTableEntry.BYPASS
                    : kind < 4
                            ? StreamTableEntry.STAGE_1
                            : kind < 6 ? StreamTableEntry.STAGE_2 : StreamTableEntry.NESTED;
            ste[0] = StreamTableEntry.V.mask() | StreamTableEntry.CONFIG.of(config);
            ste[2] = second ? StreamTableEntry.S2_VMID.of(vmid) : 0;
            long outer = 0;
            if (StreamTableEntry.hasStage2(config)) {
                outer = page();
                ste[2] |= StreamTableEntry.S2_T0SZ.of(Long.SIZE - INPUT_BITS)
                        | StreamTableEntry.S2_SL0.of(1)
                        | StreamTableEntry.S2_PS.of(chip.idr5() & 7)
                        | StreamTableEntry.S2_AA64.mask()
                        | StreamTableEntry.S2_R.mask()
                        | (random.nextInt(4) == 0 ? StreamTableEntry.S2_AFFD.mask() : 0)
                        | (mustStall() ? StreamTableEntry.S2_S.mask() : 0);
                ste[3] = StreamTableEntry.S2_TTB.of(outer);
            }
            if (StreamTableEntry.hasStage1(config)) {
                stage1(ste, outer);
            } else if (outer != 0) {
                pages(outer, Stage2Descriptor.LAYOUT, Granule.K4, 0);
            }
            for (int word = 0; word < ste.length; word++) {
                memory.writeLongLe(at + (long) word * Long.BYTES, ste[word]);
            }
            scene.table(StreamTableEntry.LAYOUT, at, 1);
            scene.requester(streamId);
            scene.value("StreamID", streamId);
            scene.value("VMID", vmid);
        }

        private boolean mustStall() {
            return chip.has("STALL_MODEL") && chip.canStall();
        }

        private void stage1(long[] ste, long outer) {
            boolean substreams = chip.substreamIdBits() >= LOG2_CONTEXTS && random.nextInt(3) != 0;
            long contexts = page();
            identity(outer, contexts);
            ste[0] |= StreamTableEntry.S1_CONTEXT_PTR.of(contexts)
                    | StreamTableEntry.S1_CD_MAX.of(substreams ? LOG2_CONTEXTS : 0);
            ste[1] |= StreamTableEntry.S1_DSS.of(substreams ? random.nextInt(3) : 0);
            int count = substreams ? 1 << LOG2_CONTEXTS : 1;
            for (int index = 0; index < count; index++) {
                if (index == 0 || random.nextInt(2) == 0) {
                    context(contexts + (long) index * ContextDescriptor.BYTES, 1 + index, outer);
                }
                scene.pasid(index);
            }
        }

        private void context(long at, int asid, long outer) {
            Granule granule = granule();
            long table = table(granule, outer);
            memory.writeLongLe(
                    at,
                    ContextDescriptor.T0SZ.of(Long.SIZE - inputBits(granule))
                            | ContextDescriptor.TG0.of(granule.lowCode())
                            | ContextDescriptor.EPD1.mask()
                            | ContextDescriptor.V.mask()
                            | ContextDescriptor.IPS.of(chip.idr5() & 7)
                            | ContextDescriptor.AA64.mask()
                            | ContextDescriptor.R.mask()
                            | ContextDescriptor.A.mask()
                            | (mustStall() ? ContextDescriptor.S.mask() : 0)
                            | ContextDescriptor.ASID.of(asid));
            memory.writeLongLe(at + Long.BYTES, ContextDescriptor.TTB0.of(table));
            scene.table(ContextDescriptor.LAYOUT, at, 1);
            scene.value("ASID", asid);
            pages(table, Stage1Descriptor.LAYOUT, granule, outer);
        }

        /** A few pages near one another. */
        private void pages(long table, Layout layout, Granule granule, long outer) {
            long page = 1L << granule.shift();
            long cluster = random.nextLong(1L << inputBits(granule)) & (-1L << CLUSTER_SHIFT);
            scene.addresses(cluster, MOST_PAGES * page);
            int count = 1 + random.nextInt(MOST_PAGES);
            for (int i = 0; i < count; i++) {
                long address = cluster + random.nextInt(MOST_PAGES) * page;
                long target = random.nextLong(1L << INPUT_BITS) & -page;
                map(table, address, leaf(layout, target), layout, granule, outer);
                if (outer != 0) {
                    identities(outer, target, page);
                }
                scene.value("Address", address);
            }
        }

        /** As many as whole tables resolve. */
        private static int inputBits(Granule granule) {
            return granule.shift() + (LAST_LEVEL + 1 - firstLevel(granule)) * granule.levelBits();
        }

        private static int firstLevel(Granule granule) {
            return granule == Granule.K4 ? 1 : 2;
        }

        private long leaf(Layout layout, long target) {
            boolean plain = random.nextInt(3) != 0;
            long common = Stage1Descriptor.VALID.mask() | Stage1Descriptor.TABLE.mask() | target;
            if (layout.equals(Stage2Descriptor.LAYOUT)) {
                return common
                        | Stage2Descriptor.MEM_ATTR.of(WRITE_BACK)
                        | (plain || random.nextBoolean() ? Stage2Descriptor.READ.mask() : 0)
                        | (plain || random.nextBoolean() ? Stage2Descriptor.WRITE.mask() : 0)
                        | (plain || random.nextBoolean() ? Stage2Descriptor.AF.mask() : 0);
            }
            return common
                    | Stage1Descriptor.NOT_GLOBAL.mask()
                    | (plain || random.nextBoolean() ? Stage1Descriptor.UNPRIVILEGED.mask() : 0)
                    | (!plain && random.nextBoolean() ? Stage1Descriptor.READ_ONLY.mask() : 0)
                    | (!plain && random.nextBoolean() ? Stage1Descriptor.UXN.mask() : 0)
                    | (plain || random.nextBoolean() ? Stage1Descriptor.AF.mask() : 0);
        }

        /** Stage 2 maps a page to itself. */
        private void identity(long outer, long target) {
            if (outer != 0 && target >>> INPUT_BITS == 0) {
                long leaf = Stage2Descriptor.VALID.mask()
                        | Stage2Descriptor.TABLE.mask()
                        | Stage2Descriptor.MEM_ATTR.of(WRITE_BACK)
                        | Stage2Descriptor.READ.mask()
                        | Stage2Descriptor.WRITE.mask()
                        | Stage2Descriptor.AF.mask()
                        | target;
                map(outer, target, leaf, Stage2Descriptor.LAYOUT, Granule.K4, 0);
            }
        }

        private void map(long table, long address, long leaf, Layout layout, Granule granule, long outer) {
            long at = table;
            for (int level = firstLevel(granule); level < LAST_LEVEL; level++) {
                long slot = slot(at, address, granule, level);
                long entry = memory.readLongLe(slot);
                if (entry == 0) {
                    entry = table(granule, outer) | Stage1Descriptor.VALID.mask() | Stage1Descriptor.TABLE.mask();
                    memory.writeLongLe(slot, entry);
                    scene.table(layout, slot, 1);
                }
                at = entry & -PAGE & ((1L << 48) - 1);
            }
            long slot = slot(at, address, granule, LAST_LEVEL);
            memory.writeLongLe(slot, leaf);
            scene.table(layout, slot, 1);
        }

        private static long slot(long table, long address, Granule granule, int level) {
            return table + (address >>> granule.shiftOf(level) & ((1 << granule.levelBits()) - 1)) * Long.BYTES;
        }
    }
}

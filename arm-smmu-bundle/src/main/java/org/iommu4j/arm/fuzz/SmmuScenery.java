package org.iommu4j.arm.fuzz;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.iommu4j.arm.command.BindPageTable;
import org.iommu4j.arm.command.BindPasid;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.SmmuRegisters.Idr5;
import org.iommu4j.arm.fuzz.CoveringCommands.Reach;
import org.iommu4j.arm.fuzz.CoveringCommands.World;
import org.iommu4j.arm.table.ContextDescriptor;
import org.iommu4j.arm.table.Stage1Descriptor;
import org.iommu4j.arm.table.Stage2Descriptor;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.Layout;

/**
 * Builds streams of an SMMU with their tables, for a bare chip and for a driver, and notes what is worth a look.
 *
 * <p>The class is long because each kind of stream and bind is built from the same tables, pages and ways, all from one source of
 * random numbers.
 */
final class SmmuScenery {
    /** log2 of the streams of a bare chip. */
    static final int LOG2_STREAMS = 6;

    private static final int LOG2_CONTEXTS = 2;
    private static final int MOST_PAGES = 6;
    private static final int TARGET_BITS = 39;

    /** STE.S2SL0 with which every granule translates 36 to 40 bits, docs/spec/arm-smmu.md 3.6. */
    private static final int NARROW_START = 1;

    private static final int LEAST_INPUT_BITS = 36;
    private static final int MORE_INPUT_BITS = 5;

    /** STE.S2SL0 with which every granule translates 48 bits. */
    private static final int WIDE_START = 2;

    private static final int CLUSTER_SHIFT = 21;
    private static final int LAST_LEVEL = 3;
    private static final int PAGE_SHIFT = 12;
    private static final long PAGE = 1L << PAGE_SHIFT;
    private static final int DESCRIPTOR_SHIFT = 3;
    private static final int MOST_BOUND_PASID_BITS = 7;

    /** First StreamID of those that are attached to tables of the driver's side, beyond those that are bound. */
    private static final int ATTACHED = 3 << LOG2_STREAMS;

    private static final int WRITE_BACK = 15;

    /**
     * A translation table.
     *
     * @param root physical address of its first level
     * @param layout of its descriptors
     * @param firstLevel level of the root
     * @param inputBits address bits that it translates
     * @param outer stage 2, which translates its addresses; null if nothing does
     */
    private record Table(long root, Layout layout, Granule granule, int firstLevel, int inputBits, Table outer) {
        /** log2 of the descriptors of a level; stage 2 may have several tables one after the other at its first. */
        int indexBits(int level) {
            return level == firstLevel ? inputBits - granule.shiftOf(level) : granule.levelBits();
        }

        /** Address of the descriptor for an input address in a table of a level. */
        long slot(long table, long address, int level) {
            return table + (address >>> granule.shiftOf(level) & ((1L << indexBits(level)) - 1)) * Long.BYTES;
        }
    }

    /**
     * A few pages of a table near one another.
     *
     * @param cluster where the first of them may be
     * @param addresses that are mapped
     */
    private record Pages(Table table, long cluster, List<Long> addresses) {
        /** Addresses below the tables that lead to the pages. */
        Reach all() {
            return new Reach(table.granule(), cluster, MOST_PAGES, false);
        }

        Reach one(long address) {
            return new Reach(table.granule(), address, 1, true);
        }
    }

    /**
     * A context descriptor.
     *
     * @param at its address
     */
    private record Context(int index, long at, int asid, Pages pages) {}

    private final SmmuCapabilities chip;
    private final NativePort port;
    private final PhysicalMemory memory;
    private final RandomGenerator random;
    private final FuzzScene.Builder scene = new FuzzScene.Builder();
    private int asids;

    /** The world of a stream of EL2, of which there is one: in one world tables are told apart by their ASIDs at most. */
    private World hypervisor = World.EL1;

    SmmuScenery(SmmuCapabilities chip, NativePort port, RandomGenerator random) {
        this.chip = chip;
        this.port = port;
        this.random = random;
        memory = port.platform().memory();
    }

    /** Notes so far. */
    FuzzScene.Builder scene() {
        return scene;
    }

    private long page() {
        return port.platform().allocatePages(1);
    }

    /** A zeroed block of memory, aligned to its size, which stage 2 maps to itself. */
    private long block(int log2Bytes, Table outer) {
        int pages = 1 << Math.max(0, log2Bytes - PAGE_SHIFT);
        long size = pages * PAGE;
        long block = (port.platform().allocatePages(2 * pages - 1) + size - 1) & -size;
        identities(outer, block, size);
        return block;
    }

    /** Stage 2 maps memory to itself. */
    private void identities(Table outer, long base, long lengthBytes) {
        if (outer == null) {
            return;
        }
        long size = 1L << outer.granule().shift();
        for (long at = base & -size; at < base + lengthBytes; at += size) {
            long leaf = Stage2Descriptor.VALID.mask()
                    | Stage2Descriptor.TABLE.mask()
                    | Stage2Descriptor.MEM_ATTR.of(WRITE_BACK)
                    | Stage2Descriptor.READ.mask()
                    | Stage2Descriptor.WRITE.mask()
                    | Stage2Descriptor.AF.mask()
                    | at;
            map(outer, at, leaf);
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
                : kind < 4 ? StreamTableEntry.STAGE_1 : kind < 6 ? StreamTableEntry.STAGE_2 : StreamTableEntry.NESTED;
        ste[0] = StreamTableEntry.V.mask() | StreamTableEntry.CONFIG.of(config);
        ste[2] = second ? StreamTableEntry.S2_VMID.of(vmid) : 0;
        Table outer = StreamTableEntry.hasStage2(config) ? stage2(ste, config == StreamTableEntry.NESTED) : null;
        // A stream that asks for translations must not stall in stage 2, IHI 0070 5.2.
        boolean deviceTlb = chip.has("ATS") && !(outer != null && mustStall()) && random.nextBoolean();
        ste[1] |= StreamTableEntry.EATS.of(deviceTlb ? StreamTableEntry.EATS_FULL : 0);
        boolean one = config == StreamTableEntry.STAGE_1 && hypervisor == World.EL1 && mayHaveEl2();
        World world = one ? hypervisor() : World.EL1;
        List<Context> contexts = StreamTableEntry.hasStage1(config) ? stage1(ste, outer, world) : List.of();
        Pages pages = contexts.isEmpty() && outer != null ? pages(outer) : null;
        for (int word = 0; word < ste.length; word++) {
            memory.writeLongLe(at + (long) word * Long.BYTES, ste[word]);
        }
        int tag = second && world == World.EL1 ? vmid : 0;
        for (Context context : contexts) {
            for (int substream : substreams(context.index(), ste)) {
                CoveringCommands commands = new CoveringCommands(
                        chip, random, streamId, substream, tag, context.asid(), deviceTlb, true, world);
                Reach all = context.pages().all();
                FuzzScene.Entry stream = entry(StreamTableEntry.LAYOUT, at, all, commands.ofStream(all));
                FuzzScene.Entry descriptor =
                        entry(ContextDescriptor.LAYOUT, context.at(), all, commands.ofContext(all));
                ways(context.pages(), commands, List.of(stream, descriptor), null, null);
            }
        }
        if (pages != null) {
            CoveringCommands commands =
                    new CoveringCommands(chip, random, streamId, DmaAccess.NO_PASID, tag, 0, deviceTlb, true, world);
            Reach all = pages.all();
            ways(pages, commands, List.of(entry(StreamTableEntry.LAYOUT, at, all, commands.ofStream(all))), null, null);
        }
        scene.table(StreamTableEntry.LAYOUT, at, 1);
        scene.requester(streamId);
        scene.value("StreamID", streamId);
        scene.value("VMID", vmid);
    }

    private boolean mustStall() {
        return chip.has("STALL_MODEL") && chip.canStall();
    }

    /** Below stage 1 it maps all of memory, where that has its tables; alone a part. */
    private Table stage2(long[] ste, boolean nested) {
        Granule granule = granule();
        int startCode = nested ? WIDE_START : NARROW_START;
        int inputBits = nested ? chip.outputBits() : LEAST_INPUT_BITS + random.nextInt(MORE_INPUT_BITS);
        int first = granule.stage2StartLevel(startCode);
        int rootBits = inputBits - granule.shiftOf(first) + DESCRIPTOR_SHIFT;
        Table table = new Table(block(rootBits, null), Stage2Descriptor.LAYOUT, granule, first, inputBits, null);
        ste[2] |= StreamTableEntry.S2_T0SZ.of(Long.SIZE - inputBits)
                | StreamTableEntry.S2_SL0.of(startCode)
                | StreamTableEntry.S2_TG.of(granule.stage2Code())
                | StreamTableEntry.S2_PS.of(Idr5.OAS.get(chip.idr5()))
                | StreamTableEntry.S2_AA64.mask()
                | StreamTableEntry.S2_R.mask()
                | (random.nextInt(4) == 0 ? StreamTableEntry.S2_AFFD.mask() : 0)
                | (mustStall() ? StreamTableEntry.S2_S.mask() : 0);
        ste[3] = StreamTableEntry.S2_TTB.of(table.root());
        return table;
    }

    private boolean mayHaveEl2() {
        return SmmuCommand.TLBI_EL2_ALL.gate().isOpen(chip) && random.nextInt(2) == 0;
    }

    /** Chooses the world of the stream of EL2. */
    private World hypervisor() {
        hypervisor = random.nextInt(3) == 0 ? World.EL2 : World.EL2_E2H;
        return hypervisor;
    }

    /** True if CR2.E2H has to be set. */
    boolean hasE2h() {
        return hypervisor == World.EL2_E2H;
    }

    private List<Context> stage1(long[] ste, Table outer, World world) {
        int log2Contexts = world == World.EL2 ? 0 : log2Contexts();
        ste[1] |= StreamTableEntry.STRW.of(world == World.EL1 ? 0 : StreamTableEntry.STRW_EL2);
        List<Context> contexts = contexts(log2Contexts, outer);
        ste[0] |=
                StreamTableEntry.S1_CONTEXT_PTR.of(contexts.get(0).at()) | StreamTableEntry.S1_CD_MAX.of(log2Contexts);
        ste[1] |= StreamTableEntry.S1_DSS.of(log2Contexts == 0 ? 0 : random.nextInt(3));
        return contexts;
    }

    /** SubstreamIDs by which a stream reaches a context descriptor, IHI 0070 5.2 S1DSS; none where it cannot. */
    private static int[] substreams(int index, long[] ste) {
        boolean one = StreamTableEntry.S1_CD_MAX.getInt(ste[0]) == 0;
        boolean first = StreamTableEntry.S1_DSS.getInt(ste[1]) == StreamTableEntry.DSS_CD_0;
        boolean without = index == 0 && (one || first);
        return without ? new int[] {DmaAccess.NO_PASID} : one ? new int[0] : new int[] {index};
    }

    /** An entry above the descriptors: as it is, or invalid. */
    private FuzzScene.Entry entry(Layout layout, long at, Reach reach, List<List<byte[]>> drops) {
        byte[] now = new byte[layout.sizeBytes()];
        memory.read(at, now, 0, now.length);
        return new FuzzScene.Entry(
                layout, at, reach.first(), reach.lengthBytes(), false, List.of(now, new byte[now.length]), drops);
    }

    /** A way to each of some pages, below the entries of the stream. */
    private void ways(
            Pages pages,
            CoveringCommands commands,
            List<FuzzScene.Entry> above,
            FuzzScene.Root root,
            FuzzScene.Bind bind) {
        Table table = pages.table();
        boolean stage2 = table.layout().equals(Stage2Descriptor.LAYOUT);
        for (long address : pages.addresses()) {
            List<FuzzScene.Entry> entries = new ArrayList<>(above);
            Reach page = pages.one(address);
            long at = table.root();
            for (int level = table.firstLevel(); level < LAST_LEVEL; level++) {
                long slot = table.slot(at, address, level);
                Reach all = pages.all();
                entries.add(entry(
                        table.layout(),
                        slot,
                        all,
                        stage2 ? commands.ofStage2(all, all, false) : commands.ofStage1(all)));
                at = next(slot);
            }
            // Requests name addresses of stage 1.
            if (table.outer() != null && commands.bare()) {
                entries.add(outerLeaf(table, table.slot(at, address, LAST_LEVEL), page, commands));
            }
            List<List<byte[]>> drops = stage2 ? commands.ofStage2(page, page, false) : commands.ofStage1(page);
            entries.add(leaf(table, table.slot(at, address, LAST_LEVEL), page, drops));
            scene.way(new FuzzScene.Way(commands.streamId(), commands.substream(), address, root, bind, entries));
        }
    }

    /** The leaf of stage 2 for the beginning of a page of stage 1. */
    private FuzzScene.Entry outerLeaf(Table table, long slot, Reach page, CoveringCommands commands) {
        Table outer = table.outer();
        long target = next(slot);
        long at = outer.root();
        for (int level = outer.firstLevel(); level < LAST_LEVEL; level++) {
            at = next(outer.slot(at, target, level));
        }
        Reach of = new Reach(outer.granule(), target & -1L << outer.granule().shift(), 1, true);
        return leaf(outer, outer.slot(at, target, LAST_LEVEL), of, commands.ofStage2(of, page, true));
    }

    /** A leaf: as it is, invalid, of another page, or without writes. */
    private FuzzScene.Entry leaf(Table table, long slot, Reach reach, List<List<byte[]>> drops) {
        long now = memory.readLongLe(slot);
        boolean stage2 = table.layout().equals(Stage2Descriptor.LAYOUT);
        return new FuzzScene.Entry(
                table.layout(),
                slot,
                reach.first(),
                reach.lengthBytes(),
                true,
                List.of(
                        table.layout().encode(now),
                        table.layout().encode(0),
                        table.layout().encode(leaf(table.layout(), target(table))),
                        table.layout()
                                .encode(
                                        stage2
                                                ? now & ~Stage2Descriptor.WRITE.mask()
                                                : now | Stage1Descriptor.READ_ONLY.mask())),
                drops);
    }

    /** A page somewhere, which stage 2 maps to itself. */
    private long target(Table table) {
        long page = 1L << table.granule().shift();
        long target = random.nextLong(1L << TARGET_BITS) & -page;
        identities(table.outer(), target, page);
        return target;
    }

    /** The address that a descriptor holds. */
    private long next(long slot) {
        return memory.readLongLe(slot) & -PAGE & ((1L << chip.outputBits()) - 1);
    }

    private int log2Contexts() {
        return chip.substreamIdBits() >= LOG2_CONTEXTS && random.nextInt(3) != 0 ? LOG2_CONTEXTS : 0;
    }

    /** A linear table of context descriptors, of which the first is there. */
    private List<Context> contexts(int log2Contexts, Table outer) {
        long table = block(PAGE_SHIFT, outer);
        List<Context> contexts = new ArrayList<>();
        int count = 1 << log2Contexts;
        for (int index = 0; index < count; index++) {
            if (index == 0 || random.nextInt(2) == 0) {
                contexts.add(context(index, table + (long) index * ContextDescriptor.BYTES, outer));
            }
            scene.pasid(index);
        }
        return contexts;
    }

    /** A table of stage 1; its input is as wide as whole tables resolve. */
    private Table stage1Table(Table outer) {
        Granule granule = granule();
        int first = granule == Granule.K4 ? 1 : 2;
        int inputBits = granule.shiftOf(first) + granule.levelBits();
        long root = block(granule.shift(), outer);
        return new Table(root, Stage1Descriptor.LAYOUT, granule, first, inputBits, outer);
    }

    /** A stage-2 table that devices may be attached to. */
    void attachable() {
        int levels = 2 + random.nextInt(3);
        int first = LAST_LEVEL + 1 - levels;
        int inputBits = Math.min(Granule.K4.shiftOf(first) + Granule.K4.levelBits(), chip.outputBits());
        Table table = new Table(page(), Stage2Descriptor.LAYOUT, Granule.K4, first, inputBits, null);
        scene.root(table.root(), levels);
        Pages pages = pages(table);
        FuzzScene.Root root = new FuzzScene.Root(table.root(), levels);
        int streamId = ATTACHED + scene.roots().size();
        ways(pages, ofDriver(streamId, DmaAccess.NO_PASID, 0, false), List.of(), root, null);
    }

    /** Commands of a guest; it has no VMIDs. */
    private CoveringCommands ofDriver(int streamId, int substream, int asid, boolean deviceTlb) {
        return new CoveringCommands(chip, random, streamId, substream, 0, asid, deviceTlb, false, World.EL1);
    }

    /** Tables to which a device may be bound. */
    void bindings(int requester) {
        scene.requester(requester);
        scene.value("requester", requester);
        scene.value("StreamID", requester);
        int flags = chip.has("ATS") && random.nextBoolean() ? (int) BindPasidTable.FLAG_DEVICE_TLB.mask() : 0;
        long[] ste = new long[StreamTableEntry.WORDS];
        List<Context> contexts = stage1(ste, null, World.EL1);
        FuzzScene.Bind table = bind(
                Uapi.BIND_PASIDTBL,
                flags,
                BindPasidTable.LAYOUT.encode(
                        BindPasidTable.TABLE_ROOT.of(contexts.get(0).at()),
                        BindPasidTable.REQUESTER.of(requester)
                                | BindPasidTable.PASID_BITS.of(StreamTableEntry.S1_CD_MAX.get(ste))
                                | BindPasidTable.NO_PASID.of(StreamTableEntry.S1_DSS.get(ste))));
        ways(contexts, ste, table, requester, flags != 0);
        scene.bind(
                Uapi.BIND_PASIDTBL,
                (int) BindPasidTable.FLAG_PASS_THROUGH.mask(),
                BindPasidTable.LAYOUT.encode(0, BindPasidTable.REQUESTER.of(requester)));
        Table stage1 = stage1Table(null);
        pageTable(requester, Uapi.BIND_PGTABLE, flags, stage1, DmaAccess.NO_PASID, 1);
        // Seldom: a device has one table at a time, and most of what can go wrong is in stage 1.
        if (chip.hasStage2() && random.nextInt(4) == 0) {
            stage2Table(requester, flags);
        } else if (chip.hasStage2() && random.nextInt(4) == 0) {
            bothStages(requester, flags);
        }
        if (chip.subVersion() >= SmmuGeneration.V3_1 && chip.substreamIdBits() != 0) {
            int bits = Math.min(chip.substreamIdBits(), MOST_BOUND_PASID_BITS);
            int first = random.nextInt(1 << bits);
            for (int pasid : new int[] {first, first ^ (1 << random.nextInt(bits))}) {
                pageTable(requester, Uapi.BIND_PASID, flags, stage1Table(null), pasid, pasid);
                scene.pasid(pasid);
            }
        }
    }

    /** Notes a bind that is right. */
    private FuzzScene.Bind bind(int operation, int flags, byte[] payload) {
        scene.bind(operation, flags, payload);
        return new FuzzScene.Bind(operation, flags, payload);
    }

    /**
     * Binds a table of stage 1 with a few pages.
     *
     * @param pasid for which it is bound, or {@link DmaAccess#NO_PASID}
     * @param asid that the host gives it
     */
    private void pageTable(int requester, int operation, int flags, Table table, int pasid, int asid) {
        Pages pages = pages(table);
        long[] words = {
            BindPageTable.TABLE_ROOT.of(table.root()),
            BindPageTable.REQUESTER.of(requester)
                    | BindPageTable.T0SZ.of(Long.SIZE - table.inputBits())
                    | BindPageTable.GRANULE.of(table.granule().lowCode())
                    | BindPageTable.IPS.of(Idr5.OAS.get(chip.idr5())),
            0
        };
        byte[] payload;
        if (operation == Uapi.BIND_PASID) {
            words = Arrays.copyOf(words, BindPasid.LAYOUT.words());
            words[BindPasid.PASID.word()] = BindPasid.PASID.of(pasid);
            payload = BindPasid.LAYOUT.encode(words);
        } else {
            payload = BindPageTable.LAYOUT.encode(words);
        }
        FuzzScene.Bind bind = bind(operation, flags, payload);
        ways(pages, ofDriver(requester, pasid, asid, flags != 0), List.of(), null, bind);
    }

    /** Binds a table of stage 2 with a few pages. */
    private void stage2Table(int requester, int flags) {
        long[] ste = new long[StreamTableEntry.WORDS];
        Pages pages = pages(stage2(ste, false));
        byte[] payload = BindPageTable.LAYOUT.encode(
                BindPageTable.TABLE_ROOT.of(StreamTableEntry.S2_TTB.get(ste)), stage2Control(requester, ste), 0);
        FuzzScene.Bind bind = bind(Uapi.BIND_PGTABLE, flags | (int) BindPasidTable.FLAG_STAGE_2.mask(), payload);
        ways(pages, ofDriver(requester, DmaAccess.NO_PASID, 0, flags != 0), List.of(), null, bind);
    }

    /** Binds context descriptors above a table of stage 2. */
    private void bothStages(int requester, int flags) {
        long[] ste = new long[StreamTableEntry.WORDS];
        Table outer = stage2(ste, true);
        List<Context> contexts = stage1(ste, outer, World.EL1);
        byte[] payload = BindPageTable.LAYOUT.encode(
                BindPageTable.TABLE_ROOT.of(outer.root()),
                stage2Control(requester, ste),
                BindPageTable.CONTEXT_POINTER.of(contexts.get(0).at())
                        | BindPageTable.CONTEXT_BITS.of(StreamTableEntry.S1_CD_MAX.get(ste))
                        | BindPageTable.CONTEXT_NO_PASID.of(StreamTableEntry.S1_DSS.get(ste)));
        FuzzScene.Bind bind = bind(Uapi.BIND_PGTABLE, flags | (int) BindPasidTable.FLAG_NESTED.mask(), payload);
        ways(contexts, ste, bind, requester, flags != 0);
    }

    /** The second word of a bind that has a table of stage 2. */
    private static long stage2Control(int requester, long[] ste) {
        return BindPageTable.REQUESTER.of(requester)
                | BindPageTable.T0SZ.of(StreamTableEntry.S2_T0SZ.get(ste))
                | BindPageTable.GRANULE.of(StreamTableEntry.S2_TG.get(ste))
                | BindPageTable.IPS.of(StreamTableEntry.S2_PS.get(ste))
                | BindPageTable.START_LEVEL.of(StreamTableEntry.S2_SL0.get(ste))
                | BindPageTable.NO_ACCESS_FAULTS.of(StreamTableEntry.S2_AFFD.get(ste))
                | BindPageTable.STALLS.of(StreamTableEntry.S2_S.get(ste));
    }

    /** Ways of a device that is bound to context descriptors. */
    private void ways(List<Context> contexts, long[] ste, FuzzScene.Bind bind, int requester, boolean deviceTlb) {
        for (Context context : contexts) {
            for (int substream : substreams(context.index(), ste)) {
                CoveringCommands commands = ofDriver(requester, substream, context.asid(), deviceTlb);
                ways(context.pages(), commands, List.of(), null, bind);
            }
        }
    }

    private Context context(int index, long at, Table outer) {
        Table table = stage1Table(outer);
        int asid = ++asids;
        memory.writeLongLe(
                at,
                ContextDescriptor.T0SZ.of(Long.SIZE - table.inputBits())
                        | ContextDescriptor.TG0.of(table.granule().lowCode())
                        | ContextDescriptor.EPD1.mask()
                        | ContextDescriptor.V.mask()
                        | ContextDescriptor.IPS.of(Idr5.OAS.get(chip.idr5()))
                        | ContextDescriptor.AA64.mask()
                        | ContextDescriptor.R.mask()
                        | ContextDescriptor.A.mask()
                        | (mustStall() ? ContextDescriptor.S.mask() : 0)
                        | ContextDescriptor.ASID.of(asid));
        memory.writeLongLe(at + Long.BYTES, ContextDescriptor.TTB0.of(table.root()));
        scene.table(ContextDescriptor.LAYOUT, at, 1);
        scene.value("ASID", asid);
        return new Context(index, at, asid, pages(table));
    }

    /** A few pages near one another. */
    private Pages pages(Table table) {
        long page = 1L << table.granule().shift();
        long cluster = random.nextLong(1L << table.inputBits()) & (-1L << CLUSTER_SHIFT);
        scene.addresses(cluster, MOST_PAGES * page);
        SortedSet<Long> addresses = new TreeSet<>();
        int count = 1 + random.nextInt(MOST_PAGES);
        for (int i = 0; i < count; i++) {
            long address = cluster + random.nextInt(MOST_PAGES) * page;
            map(table, address, leaf(table.layout(), target(table)));
            scene.value("Address", address);
            addresses.add(address);
        }
        return new Pages(table, cluster, List.copyOf(addresses));
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

    private void map(Table table, long address, long leaf) {
        long at = table.root();
        for (int level = table.firstLevel(); level < LAST_LEVEL; level++) {
            long slot = table.slot(at, address, level);
            long entry = memory.readLongLe(slot);
            if (entry == 0) {
                entry = block(table.granule().shift(), table.outer())
                        | Stage1Descriptor.VALID.mask()
                        | Stage1Descriptor.TABLE.mask();
                memory.writeLongLe(slot, entry);
                scene.table(table.layout(), slot, 1);
            }
            at = next(slot);
        }
        long slot = table.slot(at, address, LAST_LEVEL);
        memory.writeLongLe(slot, leaf);
        scene.table(table.layout(), slot, 1);
    }
}

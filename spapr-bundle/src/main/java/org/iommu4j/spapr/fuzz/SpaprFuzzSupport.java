package org.iommu4j.spapr.fuzz;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.spapr.command.BindPgtable;
import org.iommu4j.spapr.command.HypercallCode;
import org.iommu4j.spapr.command.InvalidateData;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprCapabilities;
import org.iommu4j.spapr.command.SpaprCommand;
import org.iommu4j.spapr.command.SpaprGeneration;
import org.iommu4j.spapr.command.SpaprRegisters.DmaReadSync;
import org.iommu4j.spapr.command.SpaprRegisters.IodaData;
import org.iommu4j.spapr.command.SpaprRegisters.TceKill;
import org.iommu4j.spapr.command.SpaprSettings;
import org.iommu4j.spapr.table.Tce;

/** The fuzzer's parts of sPAPR: scenes, calls and the reference walkers. */
public final class SpaprFuzzSupport implements FuzzSupport {
    private static final int LIOBN = SpaprCapabilities.FIRST_LIOBN;
    private static final int REQUESTER = 0x0100;
    private static final int PAGE = 4096;
    private static final int PAGE_SHIFT = 12;
    private static final int SMALL_WINDOW_SHIFT = 21;
    private static final int LARGE_PAGE_SHIFT = 16;
    private static final int LARGE_WINDOW_SHIFT = 25;
    private static final int SLOT_SHIFT = 59;
    private static final int SLOTS = 2;
    private static final int EEH_DISABLE = 0;
    private static final int EEH_RELEASE_MMIO = 2;
    private static final int EEH_RELEASE_DMA = 3;
    private static final String KILL = "TCE_KILL";
    private static final int ENTRIES = 512;
    private static final int MOST_MAPPED = 12;
    private static final long TABLES = 0x40_0000;
    private static final long FRAMES = 0x200_0000;
    private static final long LIST = 0x7000;
    private static final long READ = 1;
    private static final long READ_WRITE = 3;

    @Override
    public HardwareConfig config(int subVersion, RandomGenerator random) {
        return SpaprSettings.TABLE.vary(subVersion, random);
    }

    @Override
    public FuzzScene bringUp(HardwareConfig config, NativePort port, RandomGenerator random) {
        NativeCall call = new NativeCall();
        setEeh(port, call, EEH_DISABLE);
        FuzzScene scene = scene(config, port, random, true);
        setWindow(port, call, SpaprCapabilities.of(config).pe(), LIOBN, 0, PAGE_SHIFT, SMALL_WINDOW_SHIFT, TABLES);
        if (SpaprGeneration.hasRegisters(config.subVersion())) {
            setWindow(
                    port,
                    call,
                    SpaprCapabilities.of(config).pe(),
                    LIOBN + 1,
                    1L << SLOT_SHIFT,
                    LARGE_PAGE_SHIFT,
                    LARGE_WINDOW_SHIFT,
                    TABLES + PAGE);
        }
        return scene;
    }

    private static void setEeh(NativePort port, NativeCall call, int option) {
        call.begin(SpaprCall.SET_EEH_OPTION)
                .word(CallFormat.RTAS_ARGUMENT_COUNT, 4)
                .word(CallFormat.RTAS_RETURN_COUNT, 1)
                .word(CallFormat.RTAS_FIRST_ARGUMENT, REQUESTER << 8)
                .word(CallFormat.RTAS_FIRST_ARGUMENT + 3, option);
        port.call(call);
    }

    private static void setWindow(
            NativePort port,
            NativeCall call,
            int pe,
            int liobn,
            long base,
            int pageShift,
            int windowShift,
            long table) {
        call.begin(SpaprCall.H_SET_TCE_TABLE)
                .word(0, Integer.toUnsignedLong(liobn))
                .word(1, pe)
                .word(2, base)
                .word(3, pageShift)
                .word(4, windowShift)
                .word(5, 1)
                .word(7, table);
        port.call(call);
    }

    @Override
    public FuzzScene prepare(HardwareConfig config, NativePort port, RandomGenerator random) {
        return scene(config, port, random, false);
    }

    /**
     * Tables of one or two windows, with some entries.
     *
     * @param bare true if no driver stands in front of the platform
     */
    private static FuzzScene scene(HardwareConfig config, NativePort port, RandomGenerator random, boolean bare) {
        boolean second = SpaprGeneration.hasRegisters(config.subVersion());
        List<PlatformConfig.Range> addresses = new ArrayList<>();
        Map<String, List<Long>> values = new LinkedHashMap<>();
        int mapped = 1 + random.nextInt(MOST_MAPPED);
        for (int i = 0; i < mapped; i++) {
            boolean large = second && random.nextBoolean();
            int shift = large ? LARGE_PAGE_SHIFT : PAGE_SHIFT;
            long index = random.nextInt(ENTRIES);
            long frame = FRAMES + ((long) random.nextInt(64) << LARGE_PAGE_SHIFT);
            port.platform()
                    .memory()
                    .writeLongBe((large ? TABLES + PAGE : TABLES) + index * Tce.BYTES, frame | random.nextInt(4));
            addresses.add(new PlatformConfig.Range((large ? 1L << SLOT_SHIFT : 0) + (index << shift), 1L << shift));
        }
        if (bare) {
            port.platform().memory().writeLongBe(LIST, FRAMES | (1L << LARGE_PAGE_SHIFT) | READ_WRITE);
        }
        List<Integer> requesters = new ArrayList<>(List.of(LIOBN, REQUESTER));
        List<FuzzScene.Table> tables = new ArrayList<>(List.of(new FuzzScene.Table(Tce.LAYOUT, TABLES, ENTRIES)));
        if (second) {
            requesters.add(LIOBN + 1);
            tables.add(new FuzzScene.Table(Tce.LAYOUT, TABLES + PAGE, ENTRIES));
        }
        List<Long> iobas =
                addresses.stream().map(PlatformConfig.Range::base).distinct().toList();
        long pe = SpaprCapabilities.of(config).pe();
        values.put("LIOBN", List.of(0x8000_0000L, 0x8000_0001L, 0xffff_ffff_8000_0000L));
        values.put("IOBA", iobas);
        values.put("vaddr", iobas);
        values.put("TCE", List.of(0L, FRAMES | 3, FRAMES | 1, FRAMES | 2));
        values.put("list", List.of(LIST));
        values.put("count", List.of(0L, 1L, 2L, 512L, 513L));
        values.put("PE", List.of(pe, -1L));
        values.put("pe", List.of(pe, 0xffff_ffffL));
        values.put("TABLE", List.of(TABLES >>> PAGE_SHIFT, (TABLES + PAGE) >>> PAGE_SHIFT));
        values.put("table", List.of(TABLES, TABLES + PAGE, -1L));
        if (second) {
            values.put(
                    KILL,
                    iobas.stream().map(iova -> TceKill.ONE.mask() | iova | pe).toList());
        }
        List<FuzzScene.Bind> binds = binds(second);
        List<FuzzScene.Way> ways = iobas.stream()
                .map(iova -> way(iova, port.platform().memory(), config, bare ? null : binds))
                .toList();
        return new FuzzScene(
                requesters, List.of(), addresses, tables, List.of(new FuzzScene.Root(TABLES, 1)), binds, values, ways);
    }

    /**
     * How a page of a window is reached: by one entry.
     *
     * @param binds of the windows; null on a bare platform
     */
    private static FuzzScene.Way way(
            long iova, PhysicalMemory memory, HardwareConfig config, List<FuzzScene.Bind> binds) {
        boolean large = iova >>> SLOT_SHIFT != 0;
        int shift = large ? LARGE_PAGE_SHIFT : PAGE_SHIFT;
        int liobn = large ? LIOBN + 1 : LIOBN;
        long table = large ? TABLES + PAGE : TABLES;
        long at = table + ((iova & (1L << SLOT_SHIFT) - 1) >>> shift) * Tce.BYTES;
        List<byte[]> values = Stream.of(memory.readLongBe(at), FRAMES | READ_WRITE, FRAMES | READ, 0L)
                .map(entry -> words(entry))
                .toList();
        List<List<byte[]>> drops = binds == null ? drops(iova, liobn, config, table, large) : List.of();
        FuzzScene.Entry entry = new FuzzScene.Entry(Tce.LAYOUT, at, iova, 1L << shift, true, values, drops);
        FuzzScene.Bind bind = binds == null ? null : binds.get(large ? 1 : 0);
        return new FuzzScene.Way(liobn, DmaAccess.NO_PASID, iova, null, bind, List.of(entry));
    }

    /** The calls that store an entry drop what was cached of it; so do kills, and a window that is set anew. */
    private static List<List<byte[]>> drops(long iova, int liobn, HardwareConfig config, long table, boolean large) {
        SettingValues chosen = SpaprSettings.TABLE.read(config);
        SpaprCapabilities platform = SpaprCapabilities.of(chosen);
        long pe = platform.pe();
        long name = Integer.toUnsignedLong(liobn);
        long other = FRAMES | (2L << LARGE_PAGE_SHIFT) | READ_WRITE;
        List<List<byte[]>> drops = new ArrayList<>();
        drops.add(List.of(words(SpaprCall.H_PUT_TCE, name, iova, other)));
        drops.add(List.of(words(SpaprCall.H_PUT_TCE, name, iova, FRAMES | READ_WRITE)));
        if (platform.multiTce()) {
            drops.add(List.of(words(SpaprCall.H_STUFF_TCE, name, iova, other, 1)));
            drops.add(List.of(words(SpaprCall.H_PUT_TCE_INDIRECT, name, iova, LIST, 1)));
        }
        drops.add(List.of(words(
                SpaprCall.H_SET_TCE_TABLE,
                name,
                pe,
                large ? 1L << SLOT_SHIFT : 0,
                large ? LARGE_PAGE_SHIFT : PAGE_SHIFT,
                large ? LARGE_WINDOW_SHIFT : SMALL_WINDOW_SHIFT,
                1,
                0,
                table)));
        if (SpaprGeneration.hasRegisters(config.subVersion())) {
            if (!chosen.isSet(SpaprSettings.PAGE_KILLS)) {
                drops.add(List.of(words(TceKill.ONE.mask() | iova | pe)));
            }
            drops.add(List.of(words(TceKill.PE.mask() | pe)));
            drops.add(List.of(words(TceKill.ALL.mask())));
        }
        return drops;
    }

    private static byte[] words(long... words) {
        ByteBuffer bytes = ByteBuffer.allocate(words.length * Long.BYTES);
        for (long word : words) {
            bytes.putLong(word);
        }
        return bytes.array();
    }

    /** A hypercall with its arguments, or a store to a register as {@link SpaprCommand} shows it. */
    @Override
    public void submit(FuzzScene scene, NativePort port, byte[] command) {
        ByteBuffer words = ByteBuffer.wrap(command);
        if (command.length == SpaprCommand.TCE_KILL.layout().sizeBytes()) {
            port.write(TceKill.REGISTER, words.getLong());
        } else if (command.length == SpaprCommand.DMA_READ_SYNC.layout().sizeBytes()) {
            port.write(DmaReadSync.REGISTER, words.getLong(Long.BYTES));
        } else if (command.length % Long.BYTES == 0 && command.length / Long.BYTES - 1 <= NativeCall.WORDS) {
            NativeCall call = new NativeCall().begin((int) words.getLong());
            for (int word = 0; words.hasRemaining(); word++) {
                call.word(word, words.getLong());
            }
            port.call(call);
        }
    }

    private static List<FuzzScene.Bind> binds(boolean second) {
        List<FuzzScene.Bind> binds = new ArrayList<>();
        binds.add(bind(LIOBN, 0, PAGE_SHIFT, SMALL_WINDOW_SHIFT, TABLES));
        if (second) {
            binds.add(bind(LIOBN + 1, 1L << SLOT_SHIFT, LARGE_PAGE_SHIFT, LARGE_WINDOW_SHIFT, TABLES + PAGE));
            binds.add(bind(REQUESTER, 1L << SLOT_SHIFT, LARGE_PAGE_SHIFT, LARGE_WINDOW_SHIFT, TABLES + PAGE));
        }
        return binds;
    }

    private static FuzzScene.Bind bind(int requester, long base, int pageShift, int windowShift, long table) {
        return new FuzzScene.Bind(
                Uapi.BIND_PGTABLE,
                0,
                BindPgtable.LAYOUT.encode(
                        table,
                        BindPgtable.REQUESTER.of(Integer.toUnsignedLong(requester))
                                | BindPgtable.PAGE_SHIFT.of(pageShift)
                                | BindPgtable.WINDOW_SHIFT.of(windowShift)
                                | BindPgtable.LEVELS.of(1),
                        base));
    }

    /** Kills everything; a platform without a kill register drops an endpoint's entries when a window is set again. */
    @Override
    public boolean settle(FuzzScene scene, NativePort port) {
        NativeCall call = new NativeCall();
        setEeh(port, call, EEH_RELEASE_MMIO);
        setEeh(port, call, EEH_RELEASE_DMA);
        port.write(TceKill.REGISTER, TceKill.ALL.mask());
        if (!scene.valuesOf(KILL).isEmpty()) {
            return true;
        }
        for (int pe = 0; pe < 1 << TceKill.PE_NUMBER.width(); pe++) {
            for (int slot = 0; slot < SLOTS; slot++) {
                call.begin(SpaprCall.H_QUERY_TCE_TABLE).word(0, pe).word(1, slot);
                port.call(call);
                if (call.result() == HypercallCode.SUCCESS) {
                    setAgain(port, call);
                }
            }
        }
        return true;
    }

    private static void setAgain(NativePort port, NativeCall call) {
        long[] window = new long[8];
        for (int i = 0; i < window.length; i++) {
            window[i] = call.word(i);
        }
        call.begin(SpaprCall.H_SET_TCE_TABLE)
                .word(0, window[0])
                .word(1, window[6])
                .word(2, window[1])
                .word(3, window[2])
                .word(4, window[3])
                .word(5, window[4])
                .word(6, window[7])
                .word(7, window[5]);
        port.call(call);
    }

    @Override
    public List<Layout> blocks(CallFormat format, CallFormat.Operand operand) {
        return List.of(Tce.LAYOUT);
    }

    @Override
    public boolean refused(NativeCall call) {
        return call.result() < 0;
    }

    /** Each access to the data register of the on-chip tables may move the address on to the next entry. */
    @Override
    public boolean isReadFree(Register register) {
        return register.offset() != IodaData.REGISTER.offset();
    }

    @Override
    public boolean isCallFree(int function) {
        return function == SpaprCall.H_QUERY_TCE_TABLE
                || function == SpaprCall.H_GET_TCE
                || function == SpaprCall.QUERY_PE_DMA_WINDOW
                || function == SpaprCall.READ_SLOT_RESET_STATE2;
    }

    /**
     * An entry that a driver stores into a table, or stores again, goes through the platform, which reads the table. It cannot
     * where the table cannot be read (H_HARDWARE); and it does not take again an entry that came to the table past it
     * and names a page of others (H_PARTIAL, docs/spec/spapr-tce.md 5.2) or has reserved bits (H_PARAMETER,
     * docs/spec/spapr-tce.md 2.1 row 6). Kills read no table, and binds and attachments neither.
     */
    @Override
    public boolean isGuestsFault(HardwareConfig config, NativePort port, InvalidateRequest request) {
        if (request == null) {
            return false;
        }
        boolean clears = request.payloadLength() == InvalidateData.LAYOUT.sizeBytes()
                && InvalidateData.OP.get(InvalidateData.LAYOUT.decode(request.payload(), request.payloadOffset()))
                        == InvalidateData.OP_CLEAR;
        if (!clears && SpaprGeneration.hasRegisters(config.subVersion())) {
            return false;
        }
        NativeCall call = new NativeCall();
        for (int slot = 0; slot < SLOTS; slot++) {
            call.begin(SpaprCall.H_QUERY_TCE_TABLE)
                    .word(0, SpaprCall.DEFAULT_PE)
                    .word(1, slot);
            port.call(call);
            if (call.result() == HypercallCode.SUCCESS
                    && !isStorable(
                            ReferenceWindow.queried(call), port.platform().memory(), request, clears)) {
                return true;
            }
        }
        return false;
    }

    private static boolean isStorable(
            ReferenceWindow window, PhysicalMemory memory, InvalidateRequest request, boolean clears) {
        long first = window.base();
        long last = window.last();
        if (request.selectsRange()) {
            if (!window.contains(request.vaddr())) {
                return true;
            }
            first = request.vaddr() & -window.pageBytes();
            last = request.lastVaddr();
        }
        try {
            for (long iova = first; iova - last <= 0; iova += window.pageBytes()) {
                long tce = window.entry(iova, memory);
                if (!clears && (tce & 3) != 0 && !isLegal(tce, window.pageBytes(), memory)) {
                    return false;
                }
            }
            return true;
        } catch (BusErrorException e) {
            return false;
        }
    }

    private static boolean isLegal(long tce, long pageBytes, PhysicalMemory memory) {
        return (tce & (pageBytes - 1) & ~3L) == 0 && memory.contains(tce & -pageBytes, pageBytes);
    }

    @Override
    public ReferenceWalker referenceWalker(HardwareConfig config, NativePort port, boolean driver) {
        SpaprCapabilities platform = SpaprCapabilities.of(config);
        PhysicalMemory tables = port.platform().guestTables();
        return driver
                ? new SpaprContainerWalker(tables, platform.liobn(0), platform.windowBase(), platform.windowShift())
                : new SpaprReferenceWalker(tables, platform.pe());
    }
}

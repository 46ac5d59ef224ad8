package org.iommu4j.s390.fuzz;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
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
import org.iommu4j.layout.Words;
import org.iommu4j.s390.command.BindPgtable;
import org.iommu4j.s390.command.Clp;
import org.iommu4j.s390.command.Fib;
import org.iommu4j.s390.command.FunctionControl;
import org.iommu4j.s390.command.FunctionHandle;
import org.iommu4j.s390.command.RequestRegister;
import org.iommu4j.s390.command.Status;
import org.iommu4j.s390.command.ZpciCapabilities;
import org.iommu4j.s390.command.ZpciCommand;
import org.iommu4j.s390.command.ZpciInstruction;
import org.iommu4j.s390.command.ZpciSettings;
import org.iommu4j.s390.table.Iota;
import org.iommu4j.s390.table.PageEntry;
import org.iommu4j.s390.table.RegionEntry;
import org.iommu4j.s390.table.SegmentEntry;
import org.iommu4j.s390.table.TableLevel;

/** The fuzzer's parts of zPCI: scenes, instructions and the reference walker. */
public final class ZpciFuzzSupport implements FuzzSupport {
    private static final int MOST_FUNCTIONS = 4;
    private static final int MOST_PAGES = 24;
    private static final int MOST_SEGMENTS = 3;
    private static final int SEGMENT_PAGES = 8;
    private static final long SEGMENT = 0x10_0000;
    private static final int SELDOM = 6;
    private static final int REGION_PAGES = 4;
    private static final long PAGE = 4096;
    private static final long INVALID = 0x20;
    private static final long INVALID_PAGE = 0x400;

    /** More mappings than any case makes. */
    private static final int PLENTY = 1 << 12;

    @Override
    public HardwareConfig config(int subVersion, RandomGenerator random) {
        return ZpciSettings.TABLE.vary(subVersion, random);
    }

    @Override
    public FuzzScene bringUp(HardwareConfig config, NativePort port, RandomGenerator random) {
        Scenery scenery = new Scenery(ZpciCapabilities.of(config), port, random);
        int count = 1 + random.nextInt(MOST_FUNCTIONS - 1);
        for (int index = 0; index < count; index++) {
            Address address = scenery.newTable();
            int handle = FunctionHandle.of(index, 0, true);
            scenery.set(FunctionHandle.of(index, 0, false), Clp.ENABLE);
            long iota = scenery.anchor(address);
            scenery.modify(handle, FunctionControl.REGISTER_IOAT, iota, scenery.pba(), scenery.pal(address));
            for (long page : address.pages) {
                scenery.refresh(handle, page, PAGE);
            }
            scenery.ways(address, handle, iota, null, scenery.drops(handle, iota, scenery.pal(address)));
            scenery.scene.requester(handle);
            scenery.scene.value("handle", handle & 0xffff_ffffL);
            scenery.scene.value("r1", RequestRegister.of(handle, FunctionControl.REREGISTER_IOAT));
            scenery.scene.value("iota", iota);
            scenery.scene.value("pba", scenery.pba());
            scenery.scene.value("pal", scenery.pal(address));
        }
        scenery.scene.value("oc", FunctionControl.RESET_ERROR);
        scenery.scene.value("length", PAGE);
        scenery.scene.value("length", 0x10_0000);
        scenery.scene.value("block", scenery.block);
        return scenery.scene.build();
    }

    @Override
    public FuzzScene prepare(HardwareConfig config, NativePort port, RandomGenerator random) {
        Scenery scenery = new Scenery(ZpciCapabilities.of(config), port, random);
        int count = 1 + random.nextInt(MOST_FUNCTIONS - 1);
        for (int index = 0; index < count; index++) {
            Address address = scenery.newTable();
            int handle = FunctionHandle.of(index, 0, false);
            scenery.scene.requester(handle);
            scenery.scene.value("requester", handle);
            scenery.scene.value("fh", FunctionHandle.of(index, 0, true) & 0xffff_ffffL);
            long iota = scenery.anchor(address);
            scenery.scene.value("iota", iota);
            byte[] payload = BindPgtable.of(handle, iota, scenery.pba(), scenery.pal(address));
            scenery.scene.bind(Uapi.BIND_PGTABLE, 0, payload);
            scenery.ways(address, handle, iota, new FuzzScene.Bind(Uapi.BIND_PGTABLE, 0, payload), List.of());
        }
        return scenery.scene.build();
    }

    /** Instructions as they are shown: RPCIT and MPCIFC are executed. */
    @Override
    public void submit(FuzzScene scene, NativePort port, byte[] command) {
        List<Long> blocks = scene.valuesOf("block");
        if (blocks.isEmpty()) {
            return;
        }
        if (isOne(ZpciCommand.RPCIT, command)) {
            long[] words = ZpciCommand.RPCIT.layout().decode(command, 0);
            port.call(new NativeCall()
                    .begin(ZpciInstruction.RPCIT)
                    .word(ZpciInstruction.R1, words[1])
                    .word(ZpciInstruction.START, words[2])
                    .word(ZpciInstruction.LENGTH, words[3]));
        } else if (isOne(ZpciCommand.MPCIFC, command)) {
            long block = blocks.get(0);
            port.platform().memory().write(block, command, command.length - Fib.BYTES, Fib.BYTES);
            port.call(new NativeCall()
                    .begin(ZpciInstruction.MPCIFC)
                    .word(ZpciInstruction.R1, ZpciCommand.MPCIFC.layout().word(command, 0, 1))
                    .word(ZpciInstruction.FIB, block));
        }
    }

    private static boolean isOne(ZpciCommand format, byte[] command) {
        return command.length == format.layout().sizeBytes()
                && Byte.toUnsignedInt(command[0]) == format.opcode() >>> Byte.SIZE;
    }

    /** Recovers every function that is enabled, registers it as it is registered, and announces what its tables map. */
    @Override
    public boolean settle(FuzzScene scene, NativePort port) {
        List<Long> blocks = scene.valuesOf("block");
        if (blocks.isEmpty()) {
            return false;
        }
        Driver driver = new Driver(port, blocks.get(0));
        for (int handle : driver.handles()) {
            if (FunctionHandle.isEnabled(handle)) {
                driver.modify(handle, FunctionControl.RESET_ERROR, 0, 0, 0);
                long[] fib = driver.store(handle);
                if (Fib.REGISTERED.get(fib) != 0) {
                    driver.modify(
                            handle,
                            FunctionControl.REREGISTER_IOAT,
                            Fib.IOTA.get(fib),
                            Fib.PBA.get(fib),
                            Fib.PAL.get(fib));
                    for (PlatformConfig.Range range : scene.addresses()) {
                        // A range with wrong entries stops the function: then it is recovered, and the range stays
                        // unknown.
                        if (driver.refresh(handle, range.base(), range.lengthBytes()) != 0) {
                            driver.modify(handle, FunctionControl.RESET_ERROR, 0, 0, 0);
                        }
                    }
                }
            }
        }
        return true;
    }

    @Override
    public void recover(FuzzScene scene, NativePort port) {
        List<Long> blocks = scene.valuesOf("block");
        if (!blocks.isEmpty()) {
            Driver driver = new Driver(port, blocks.get(0));
            driver.handles().stream()
                    .filter(FunctionHandle::isEnabled)
                    .forEach(handle -> driver.modify(handle, FunctionControl.RESET_ERROR, 0, 0, 0));
        }
    }

    @Override
    public List<Layout> blocks(CallFormat format, CallFormat.Operand operand) {
        return format.function() == ZpciInstruction.CLP
                ? List.of(Clp.Request.LAYOUT, Clp.GroupRequest.LAYOUT)
                : List.of(Fib.LAYOUT);
    }

    @Override
    public boolean refused(NativeCall call) {
        if (call.result() < 0 || call.result() == ZpciInstruction.INVALID_HANDLE) {
            return true;
        }
        int status = RequestRegister.STATUS.getInt(call.word(ZpciInstruction.R1));
        return call.result() == ZpciInstruction.ERROR
                && (status == Status.SEQUENCE || status == Status.INVALID_DMA_SPACE || status == Status.NOT_AVAILABLE);
    }

    /**
     * A wrong table or a fault has put a function into the error state, in which it refuses RPCIT:
     * docs/spec/s390-zpci.md 2.3 rows 5 and 11.
     */
    @Override
    public boolean isGuestsFault(HardwareConfig config, NativePort port) {
        long block = port.platform().allocatePages(2);
        try {
            Driver driver = new Driver(port, block);
            for (int handle : driver.handles()) {
                if (FunctionHandle.isEnabled(handle)) {
                    long[] fib = driver.store(handle);
                    if (Fib.ERROR.get(fib) != 0 && Fib.REGISTERED.get(fib) != 0) {
                        return true;
                    }
                }
            }
            return false;
        } finally {
            port.platform().freePages(block, 2);
        }
    }

    /** Only refreshes meet a function's error: a bind, an attachment and their undoing begin with a function that is disabled. */
    @Override
    public boolean isGuestsFault(HardwareConfig config, NativePort port, InvalidateRequest request) {
        return request != null && isGuestsFault(config, port);
    }

    @Override
    public ReferenceWalker referenceWalker(HardwareConfig config, NativePort port, boolean driver) {
        ZpciCapabilities unit = ZpciCapabilities.of(config);
        if (driver && unit.dmaAvail() < PLENTY) {
            // After a bind that ran out of mappings, the driver is free in which of them it leaves.
            return null;
        }
        return new ZpciReferenceWalker(
                port.platform().memory(),
                port.platform().guestTables(),
                new ZpciReferenceWalker.Unit(
                        unit.sdma(), unit.edma(), unit.refresh(), unit.largeFrames(), unit.dmaAvail()));
    }

    /** A small driver: the instructions that set functions up. */
    private static class Driver {
        final long block;
        final PhysicalMemory memory;
        private final NativePort port;
        private final NativeCall call = new NativeCall();

        Driver(NativePort port, long block) {
            this.port = port;
            this.block = block;
            memory = port.platform().memory();
        }

        private void clp(byte[] request, int responseBytes) {
            memory.write(block, request, 0, request.length);
            memory.writeLongBe(block + request.length, Clp.Header.of(responseBytes, 0));
            port.call(call.begin(ZpciInstruction.CLP).word(ZpciInstruction.BLOCK, block));
        }

        void set(int handle, int operation) {
            clp(Clp.setFunction(handle, operation), Clp.SetResponse.LAYOUT.sizeBytes());
        }

        List<Integer> handles() {
            int room = Clp.BLOCK_BYTES - Clp.REQUEST_BYTES;
            clp(Clp.list(0), room);
            byte[] response = new byte[room];
            memory.read(block + Clp.REQUEST_BYTES, response, 0, room);
            int length = Clp.ListResponse.LENGTH.getInt(Clp.ListResponse.LAYOUT.word(response, 0, 0));
            List<Integer> handles = new ArrayList<>();
            for (int at = Clp.ListResponse.LAYOUT.sizeBytes(); at < length; at += Clp.ListEntry.BYTES) {
                handles.add((int) Clp.ListEntry.FH.get(Clp.ListEntry.LAYOUT.decode(response, at)));
            }
            return handles;
        }

        void modify(int handle, int operation, long iota, long pba, long pal) {
            byte[] fib = Words.of(Fib.LAYOUT)
                    .set(Fib.PBA, pba)
                    .set(Fib.PAL, pal)
                    .set(Fib.IOTA, iota)
                    .encode();
            memory.write(block, fib, 0, Fib.BYTES);
            port.call(call.begin(ZpciInstruction.MPCIFC)
                    .word(ZpciInstruction.R1, RequestRegister.of(handle, operation))
                    .word(ZpciInstruction.FIB, block));
        }

        long[] store(int handle) {
            port.call(call.begin(ZpciInstruction.STPCIFC)
                    .word(ZpciInstruction.R1, RequestRegister.of(handle, 0))
                    .word(ZpciInstruction.FIB, block));
            byte[] fib = new byte[Fib.BYTES];
            memory.read(block, fib, 0, fib.length);
            return Fib.LAYOUT.decode(fib, 0);
        }

        long refresh(int handle, long start, long length) {
            port.call(call.begin(ZpciInstruction.RPCIT)
                    .word(ZpciInstruction.R1, RequestRegister.of(handle, 0))
                    .word(ZpciInstruction.START, start)
                    .word(ZpciInstruction.LENGTH, length));
            return call.result();
        }
    }

    /**
     * A table and what it maps.
     *
     * @param iota its anchor
     * @param type of its first table
     * @param pages that are mapped
     */
    private record Address(long iota, int type, List<Long> pages) {}

    /** Builds tables, and notes their addresses and values for the fuzzer. */
    private static final class Scenery extends Driver {
        private final ZpciCapabilities unit;
        private final NativePort port;
        private final RandomGenerator random;
        private final FuzzScene.Builder scene = new FuzzScene.Builder();

        Scenery(ZpciCapabilities unit, NativePort port, RandomGenerator random) {
            super(port, port.platform().allocatePages(2));
            this.unit = unit;
            this.port = port;
            this.random = random;
        }

        long pba() {
            return unit.sdma() + PAGE - 1 & -PAGE;
        }

        long pal(Address address) {
            long reach = TableLevel.lastAddress(address.type);
            long last = Long.compareUnsigned(unit.edma(), reach) < 0 ? unit.edma() : reach;
            // Whole pages only, none of them beyond the function's addresses.
            return last == -1L ? last : ((last + 1) & -PAGE) - 1;
        }

        /** The anchor of a table; sometimes without translation where the unit allows it, sometimes protected against writes. */
        long anchor(Address address) {
            long iota = unit.relaxed() && random.nextInt(SELDOM) == 0 ? 0 : address.iota;
            return random.nextInt(SELDOM) == 0 ? iota | Iota.P.mask() : iota;
        }

        /** A table of a type that can be registered, with a few pages near the start of the aperture. */
        Address newTable() {
            int type = 1;
            for (int tries = 0; tries < 4; tries++) {
                int wanted = random.nextInt(TableLevel.MAX_TYPE + 1);
                boolean reaches = Long.compareUnsigned(TableLevel.lastAddress(wanted), unit.sdma()) > 0;
                type = unit.supportsType(wanted) && reaches ? wanted : type;
            }
            long first = aligned(REGION_PAGES);
            fill(first, REGION_PAGES, INVALID);
            List<Long> pages = new ArrayList<>();
            int count = 1 + random.nextInt(MOST_PAGES);
            long area = area();
            int segments = 1 + random.nextInt(MOST_SEGMENTS);
            for (int i = 0; i < count; i++) {
                long page = area + random.nextInt(segments) * SEGMENT + random.nextInt(SEGMENT_PAGES) * PAGE;
                map(first, type, page);
                pages.add(page);
            }
            for (int i = 0; i < segments; i++) {
                scene.addresses((area & Long.MAX_VALUE) + i * SEGMENT, SEGMENT_PAGES * PAGE);
            }
            scene.root(first, type + 2);
            return new Address(Iota.of(first, type), type, pages);
        }

        private void map(long first, int type, long page) {
            long table = first;
            for (int level = TableLevel.ofType(type); level > TableLevel.PAGE; level--) {
                long at = table + (long) TableLevel.index(page, level) * TableLevel.ENTRY_BYTES;
                long entry = memory.readLongBe(at);
                if (entry == INVALID) {
                    scene.table(level == TableLevel.SEGMENT ? SegmentEntry.LAYOUT : RegionEntry.LAYOUT, at, 1);
                    if (level == TableLevel.SEGMENT && unit.largeFrames() && random.nextInt(4) == 0) {
                        memory.writeLongBe(
                                at, (1L + random.nextInt(256)) << TableLevel.SEGMENT_SHIFT | SegmentEntry.FC.mask());
                        return;
                    }
                    long next = level == TableLevel.SEGMENT ? port.platform().allocatePages(1) : aligned(REGION_PAGES);
                    fill(
                            next,
                            level == TableLevel.SEGMENT ? 1 : REGION_PAGES,
                            level == TableLevel.SEGMENT ? INVALID_PAGE : INVALID);
                    entry = level == TableLevel.SEGMENT
                            ? next
                            : next | RegionEntry.TT.of(TableLevel.typeCode(level)) | RegionEntry.FULL_LENGTH;
                    memory.writeLongBe(at, entry);
                } else if (level == TableLevel.SEGMENT && SegmentEntry.FC.isSet(entry)) {
                    return;
                }
                table = level == TableLevel.SEGMENT ? SegmentEntry.ORIGIN.get(entry) : RegionEntry.ORIGIN.get(entry);
            }
            long at = table + (long) TableLevel.index(page, TableLevel.PAGE) * TableLevel.ENTRY_BYTES;
            scene.table(PageEntry.LAYOUT, at, 1);
            memory.writeLongBe(
                    at, (1L + random.nextInt(1 << 16)) << 12 | (random.nextInt(4) == 0 ? PageEntry.P.mask() : 0));
        }

        /**
         * Notes how a function reaches the pages of its table.
         *
         * @param iota its anchor as it is registered, without translation perhaps
         * @param bind by which a driver registers it; null on a bare unit
         * @param drops instructions after which nothing is known of any page
         */
        void ways(Address address, int handle, long iota, FuzzScene.Bind bind, List<List<byte[]>> drops) {
            if (!Iota.T.isSet(iota)) {
                return;
            }
            for (long page : address.pages.stream().distinct().toList()) {
                List<FuzzScene.Entry> entries = new ArrayList<>();
                long table = Iota.ORIGIN.get(iota);
                for (int level = TableLevel.ofType(address.type); level >= TableLevel.PAGE; level--) {
                    long at = table + (long) TableLevel.index(page, level) * TableLevel.ENTRY_BYTES;
                    long entry = memory.readLongBe(at);
                    boolean large = level == TableLevel.SEGMENT && SegmentEntry.FC.isSet(entry);
                    boolean leaf = large || level == TableLevel.PAGE;
                    entries.add(entry(at, level, leaf, page, handle, drops));
                    if (leaf) {
                        break;
                    }
                    table = level == TableLevel.SEGMENT
                            ? SegmentEntry.ORIGIN.get(entry)
                            : RegionEntry.ORIGIN.get(entry);
                }
                scene.way(new FuzzScene.Way(handle, DmaAccess.NO_PASID, page, null, bind, entries));
            }
        }

        private FuzzScene.Entry entry(
                long at, int level, boolean leaf, long page, int handle, List<List<byte[]>> drops) {
            long entry = memory.readLongBe(at);
            long invalid = entry | (level == TableLevel.PAGE ? INVALID_PAGE : INVALID);
            List<byte[]> values = new ArrayList<>(List.of(bytes(entry), bytes(invalid)));
            if (leaf) {
                long other = level == TableLevel.PAGE ? PAGE : SEGMENT;
                values.add(bytes(entry ^ other));
                values.add(bytes(entry ^ PageEntry.P.mask()));
            }
            long length =
                    level == TableLevel.PAGE ? PAGE : level == TableLevel.SEGMENT ? SEGMENT : MOST_SEGMENTS * SEGMENT;
            long first = level > TableLevel.SEGMENT ? area() : page & -length;
            Layout layout = level == TableLevel.PAGE
                    ? PageEntry.LAYOUT
                    : level == TableLevel.SEGMENT ? SegmentEntry.LAYOUT : RegionEntry.LAYOUT;
            List<List<byte[]>> all = new ArrayList<>(drops);
            if (!drops.isEmpty()) {
                all.add(List.of(rpcit(RequestRegister.of(handle, 0), first, length)));
            }
            return new FuzzScene.Entry(layout, at, first, length, leaf, values, all);
        }

        /** Everything of a function: by one RPCIT, and by a registration in place of the present one, which announces its tables anew. */
        List<List<byte[]>> drops(int handle, long iota, long pal) {
            byte[] whole = rpcit(RequestRegister.of(handle, 0), area(), MOST_SEGMENTS * SEGMENT);
            byte[] fib = Words.of(Fib.LAYOUT)
                    .set(Fib.PBA, pba())
                    .set(Fib.PAL, pal)
                    .set(Fib.IOTA, iota)
                    .encode();
            byte[] again = ByteBuffer.allocate(2 * Long.BYTES + fib.length)
                    .putLong(ZpciCommand.MPCIFC_TEXT)
                    .putLong(RequestRegister.of(handle, FunctionControl.REREGISTER_IOAT))
                    .put(fib)
                    .array();
            return List.of(List.of(whole), List.of(again, whole));
        }

        private static byte[] rpcit(long register, long first, long length) {
            return ZpciCommand.RPCIT.layout().encode(ZpciCommand.RPCIT_TEXT, register, first, length);
        }

        /** First address of the segments in which pages are mapped. */
        private long area() {
            return unit.sdma() + SEGMENT - 1 & -SEGMENT;
        }

        private static byte[] bytes(long entry) {
            return ByteBuffer.allocate(Long.BYTES).putLong(entry).array();
        }

        private void fill(long pa, int pages, long entry) {
            for (long at = pa; at < pa + pages * PAGE; at += TableLevel.ENTRY_BYTES) {
                memory.writeLongBe(at, entry);
            }
        }

        /** Pages that are aligned to their number. */
        private long aligned(int pages) {
            long pa = port.platform().allocatePages(2 * pages - 1);
            return pa + pages * PAGE - 1 & -pages * PAGE;
        }
    }
}

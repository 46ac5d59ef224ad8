package org.iommu4j.testbench.model;

import java.nio.ByteOrder;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.LongStream;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.testbench.model.ModelOp.Reach;
import org.iommu4j.testbench.tables.TableEntries;
import org.iommu4j.testbench.tables.TableShape;
import org.iommu4j.testing.BackendMachine;

/**
 * The small model: two devices and two domains in front of a chip with its driver, two pages in each domain, and a ledger of what the
 * chip may still have cached.
 *
 * <p>A page has two tables of leaves. In the first it leads to a frame or nowhere, which {@code MAP} and {@code UNMAP} change; in the
 * second it leads to another frame for good. {@code MOVE} changes the entry above, that leads to one of the two.
 *
 * <p>The ledger: an access may meet every combination of what the two entries have been since the last completed invalidation that
 * had to drop them, and nothing else. Nothing is cached for a domain without devices, and a device in no domain is blocked.
 */
final class ModelMachine extends BackendMachine {
    private static final int TWO = ModelOp.TWO;
    private static final long TABLES = 0x10_0000;
    private static final long FRAMES = 0x2000_0000;
    private static final int FRAME_SHIFT = 24;
    private static final long TABLE_BYTES = 0x4000;
    private static final int DOMAIN_TABLES = 16;
    private static final int LEAF_TABLES = 8;
    private static final long NONE = -1;
    private static final int NOWHERE = -1;

    /** Of each page: its two entries, and the two values of each that may be cached. */
    private static final int LEDGER_BITS = 6;

    private static final long MIX = 0x9e37_79b9_7f4a_7c15L;

    private final ModelVendor vendor;
    private final TableShape shape;
    private final TableEntries entries;
    private final FuzzScene scene;
    private final DmaAccess access = new DmaAccess();

    /** Domain of each device, or {@link #NOWHERE}. */
    private final int[] domains = {NOWHERE, NOWHERE};

    /** By domain and page: 1 if the entry in the first table leads to its frame; which table the entry above leads to. */
    private final int[][] leaf = new int[TWO][TWO];

    private final int[][] directory = new int[TWO][TWO];

    /** By domain and page: a bit for each value that the entry may still be cached with. */
    private final int[][] leaves = new int[TWO][TWO];

    private final int[][] directories = new int[TWO][TWO];

    /** By page: its device address, and where its entries are in a table of leaves and in the table above. */
    private final long[] iovas = new long[TWO];

    private final long[] leafOffsets = new long[TWO];
    private final long[] directoryOffsets = new long[TWO];

    private final ModelScript script;
    private long chipHash;
    private String wrong;

    ModelMachine(ModelVendor vendor) {
        this(vendor, ModelScript.NONE);
    }

    /** A machine that writes down what is done with it. */
    ModelMachine(ModelVendor vendor, ModelScript script) {
        super(vendor.backend(), vendor.config(), platform(vendor));
        this.vendor = vendor;
        this.script = script;
        shape = vendor.format().shape();
        entries = vendor.format().entries();
        scene = new FuzzScene.Builder()
                .value("block", platform().allocatePages(2))
                .build();
        for (int page = 0; page < TWO; page++) {
            iovas[page] = vendor.base() + ((long) page << shape.shift(1));
            leafOffsets[page] = shape.index(iovas[page], 0) * Long.BYTES;
            directoryOffsets[page] = shape.index(iovas[page], 1) * Long.BYTES;
        }
        for (int domain = 0; domain < TWO; domain++) {
            expectOk("open", open(domain));
            build(domain);
        }
        // Nobody reads what the driver writes, of which there is much.
        translator().tap(command -> {});
        begin();
    }

    private static Platform platform(ModelVendor vendor) {
        return new SimulatedPlatform(new PlatformConfig(
                vendor.backend().bench().hostAddressWidth(vendor.config()),
                List.of(),
                (address, data) -> {},
                DevicePort.COMPLETING));
    }

    // ---- places

    /** Device address of a page: each in a table of leaves of its own. */
    long iova(int page) {
        return iovas[page];
    }

    /** A table of a domain: those above the leaves by their level, then two for each page. */
    private static long table(int domain, int index) {
        return TABLES + ((long) domain * DOMAIN_TABLES + index) * TABLE_BYTES;
    }

    private long root(int domain) {
        return table(domain, shape.levels() - 1);
    }

    private long leafTable(int domain, int page, int which) {
        return table(domain, LEAF_TABLES + 2 * page + which);
    }

    private static long frame(int domain, int page, int which) {
        return FRAMES + (((domain * 2L + page) * 2 + which) << FRAME_SHIFT);
    }

    private long leafAt(int domain, int page, int which) {
        return leafTable(domain, page, which) + leafOffsets[page];
    }

    private long directoryAt(int domain, int page) {
        return table(domain, 1) + directoryOffsets[page];
    }

    // ---- tables

    private void store(long at, long entry) {
        script.store((int) ((at - TABLES) / (DOMAIN_TABLES * TABLE_BYTES)), at, entry);
        if (shape.order() == ByteOrder.BIG_ENDIAN) {
            memory().writeLongBe(at, entry);
        } else {
            memory().writeLongLe(at, entry);
        }
    }

    private void fill(long table, int level) {
        if (entries.absent(level) == 0) {
            return;
        }
        for (long index = 0; index < 1L << shape.indexBits().get(level); index++) {
            store(table + index * Long.BYTES, entries.absent(level));
        }
    }

    private void build(int domain) {
        for (int level = shape.levels() - 1; level > 0; level--) {
            fill(table(domain, level), level);
            if (level > 1) {
                store(
                        table(domain, level) + shape.index(vendor.base(), level) * Long.BYTES,
                        entries.table(level, table(domain, level - 1)));
            }
        }
        for (int page = 0; page < TWO; page++) {
            for (int which = 0; which < TWO; which++) {
                fill(leafTable(domain, page, which), 0);
            }
            store(leafAt(domain, page, 1), entries.leaf(0, frame(domain, page, 1), DmaAccess.READ | DmaAccess.WRITE));
        }
    }

    private void setLeaf(int domain, int page, int value) {
        store(
                leafAt(domain, page, 0),
                value == 0
                        ? entries.absent(0)
                        : entries.leaf(0, frame(domain, page, 0), DmaAccess.READ | DmaAccess.WRITE));
        leaf[domain][page] = value;
        leaves[domain][page] = isEmpty(domain) ? 1 << value : leaves[domain][page] | (1 << value);
    }

    private void setDirectory(int domain, int page, int which) {
        store(directoryAt(domain, page), entries.table(1, leafTable(domain, page, which)));
        directory[domain][page] = which;
        directories[domain][page] = isEmpty(domain) ? 1 << which : directories[domain][page] | (1 << which);
    }

    private boolean isEmpty(int domain) {
        return domains[0] != domain && domains[1] != domain;
    }

    /** Everything old that an entry was is out of the caches. */
    private void forget(int domain, int page, boolean leafOnly) {
        leaves[domain][page] = 1 << leaf[domain][page];
        if (!leafOnly) {
            directories[domain][page] = 1 << directory[domain][page];
        }
    }

    // ---- steps

    /** Everything as it was at first: no device is in a domain, no page is mapped. */
    void begin() {
        wrong = null;
        for (int device = 0; device < TWO; device++) {
            if (domains[device] != NOWHERE) {
                leave(device);
            }
        }
        for (int domain = 0; domain < TWO; domain++) {
            for (int page = 0; page < TWO; page++) {
                setLeaf(domain, page, 0);
                setDirectory(domain, page, 0);
            }
        }
        look();
    }

    /** True if a step changes anything, or asks anything. */
    boolean isPossible(ModelOp op) {
        return switch (op.kind()) {
            case ATTACH -> domains[op.subject()] == NOWHERE;
            case DETACH -> domains[op.subject()] != NOWHERE;
            case MAP -> leaf[op.subject()][op.object()] == 0;
            case UNMAP -> leaf[op.subject()][op.object()] == 1;
            case MOVE, ACCESS -> true;
            case INVALIDATE -> !isEmpty(op.subject());
        };
    }

    /**
     * Does a step.
     *
     * @return what is wrong then; null if nothing is
     */
    String apply(ModelOp op) {
        step(op);
        look();
        return wrong;
    }

    private void step(ModelOp op) {
        switch (op.kind()) {
            case ATTACH -> enter(op.subject(), op.object());
            case DETACH -> leave(op.subject());
            case MAP -> setLeaf(op.subject(), op.object(), 1);
            case UNMAP -> setLeaf(op.subject(), op.object(), 0);
            case MOVE -> setDirectory(op.subject(), op.object(), 1 - directory[op.subject()][op.object()]);
            case INVALIDATE -> invalidate(op.subject(), op.reach());
            default -> access(op.subject(), op.object());
        }
    }

    private void enter(int device, int domain) {
        script.attach(domain, vendor.requesters().get(device), root(domain), shape.levels());
        expectOk("attach", attach(domain, vendor.requesters().get(device), root(domain), shape.levels()));
        domains[device] = domain;
    }

    private void leave(int device) {
        int domain = domains[device];
        script.detach(domain, vendor.requesters().get(device));
        expectOk("detach", detach(domain, vendor.requesters().get(device)));
        domains[device] = NOWHERE;
        if (isEmpty(domain)) {
            forget(domain, 0, false);
            forget(domain, 1, false);
        }
    }

    private void invalidate(int domain, Reach reach) {
        long first = reach.isRange() ? iova(reach.covers(0) ? 0 : 1) : 0;
        script.invalidate(domain, reach.scope(), reach.flags(), first, bytes(reach));
        Errno answer = invalidate(domain, reach.scope(), reach.flags(), first, bytes(reach));
        if (answer == Errno.OK) {
            for (int page = 0; page < TWO; page++) {
                if (reach.covers(page)) {
                    forget(domain, page, reach.leafOnly());
                }
            }
        } else if (answer == Errno.EIO) {
            fail("the driver answers " + last());
        }
    }

    /** Bytes of the range of an invalidation; 0 if it names none. */
    long bytes(Reach reach) {
        return !reach.isRange()
                ? 0
                : reach.covers(0) && reach.covers(1) ? (1L << shape.shift(1)) + shape.pageBytes() : shape.pageBytes();
    }

    private void access(int device, int page) {
        long met = read(device, page);
        int domain = domains[device];
        if (script != ModelScript.NONE) {
            script.access(vendor.requesters().get(device), iova(page), allowed(domain, page));
        }
        if (domain == NOWHERE) {
            if (met != NONE) {
                fail("a device in no domain reaches 0x" + Long.toHexString(met));
            }
        } else if (!isAllowed(domain, page, met)) {
            fail("device " + device + " in domain " + domain + " meets 0x" + Long.toHexString(met) + " in page "
                    + page);
        }
    }

    /** Where a read of a device goes; -1 if nowhere. */
    private long read(int device, int page) {
        access.begin(vendor.requesters().get(device), iova(page), DmaAccess.READ);
        chip().translate(access);
        if (access.outcome() == DmaAccess.Outcome.TRANSLATED) {
            return access.spa();
        }
        if (access.outcome() == DmaAccess.Outcome.FAULT) {
            vendor.backend().bench().fuzz().recover(scene, this);
        }
        return NONE;
    }

    /** Where a device's read of a page goes, by the number of its frame; empty if nowhere. */
    OptionalLong meets(int device, int page) {
        long met = read(device, page);
        return met == NONE ? OptionalLong.empty() : OptionalLong.of((met - FRAMES) >>> FRAME_SHIFT);
    }

    /** True if the ledger leaves one answer only to a device's read of a page. */
    boolean isSettled(int device, int page) {
        return allowed(domains[device], page).size() == 1;
    }

    /** All that may be met; -1 for nothing. */
    private List<Long> allowed(int domain, int page) {
        return domain == NOWHERE
                ? List.of(NONE)
                : LongStream.of(NONE, frame(domain, page, 0), frame(domain, page, 1))
                        .filter(met -> isAllowed(domain, page, met))
                        .boxed()
                        .toList();
    }

    /** True if the ledger says that this may be met. */
    private boolean isAllowed(int domain, int page, long met) {
        if ((directories[domain][page] & 2) != 0 && met == frame(domain, page, 1)) {
            return true;
        }
        return (directories[domain][page] & 1) != 0
                && (((leaves[domain][page] & 1) != 0 && met == NONE)
                        || ((leaves[domain][page] & 2) != 0 && met == frame(domain, page, 0)));
    }

    /** What is cached is mapped, or its invalidation is not complete; takes the hash on the way. */
    private void look() {
        chipHash = mixed(mixed(1, domains[0]), domains[1]);
        chip().visitCache(this::cached);
    }

    /** Tables and ledger, without the chip. */
    int ledger() {
        int ledger = 0;
        for (int domain = 0; domain < TWO; domain++) {
            for (int page = 0; page < TWO; page++) {
                ledger = (ledger << LEDGER_BITS)
                        | leaf[domain][page]
                        | (directory[domain][page] << 1)
                        | (leaves[domain][page] << 2)
                        | (directories[domain][page] << 4);
            }
        }
        return ledger;
    }

    /** Takes tables and ledger back to what they were, where a step has left the chip as it was. */
    void takeBack(int ledger) {
        int rest = ledger;
        for (int domain = TWO - 1; domain >= 0; domain--) {
            for (int page = TWO - 1; page >= 0; page--) {
                if (leaf[domain][page] != (rest & 1)) {
                    setLeaf(domain, page, rest & 1);
                }
                if (directory[domain][page] != ((rest >>> 1) & 1)) {
                    setDirectory(domain, page, (rest >>> 1) & 1);
                }
                leaves[domain][page] = (rest >>> 2) & 3;
                directories[domain][page] = (rest >>> 4) & 3;
                rest >>>= LEDGER_BITS;
            }
        }
    }

    private void cached(String cache, long tag, int pasid, long iova, long lengthBytes, long pa) {
        chipHash = mixed(mixed(mixed(mixed(chipHash, cache.hashCode()), tag), iova), pa);
        int index = (int) ((pa - FRAMES) >>> FRAME_SHIFT);
        if (pa < FRAMES || index >= TWO * TWO * TWO) {
            return;
        }
        int domain = index >>> 2;
        int page = (index >>> 1) & 1;
        if (isEmpty(domain)) {
            fail("a page of domain " + domain + " is cached, which has no device");
        } else if (!isAllowed(domain, page, pa)) {
            fail("page " + page + " of domain " + domain + " is cached as 0x" + Long.toHexString(pa));
        }
    }

    private static long mixed(long hash, long value) {
        long mixed = (hash ^ value) * MIX;
        return mixed ^ (mixed >>> 29);
    }

    /** A hash of attachments and caches, after the last step. */
    long chipHash() {
        return chipHash;
    }

    /** A hash of tables, attachments, ledger and caches, after the last step. */
    long stateHash() {
        return mixed(chipHash, ledger());
    }

    private void expectOk(String what, Errno answer) {
        if (answer != Errno.OK) {
            fail(what + ": " + last());
        }
    }

    private void fail(String text) {
        if (wrong == null) {
            wrong = text;
        }
    }

    /** Does steps from the begin on, as far as they are possible; what is wrong first; null if nothing is. */
    String replay(List<ModelOp> ops) {
        begin();
        for (ModelOp op : ops) {
            if (isPossible(op) && apply(op) != null) {
                return wrong;
            }
        }
        return null;
    }

    /** Does steps on a new machine; what the last one meets that is wrong; null if it meets nothing of the kind. */
    String met(List<ModelOp> ops) {
        for (ModelOp op : ops) {
            wrong = null;
            if (isPossible(op)) {
                step(op);
            }
        }
        return wrong;
    }
}

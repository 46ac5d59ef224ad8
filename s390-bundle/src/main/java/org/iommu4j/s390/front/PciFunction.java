package org.iommu4j.s390.front;

import org.iommu4j.s390.command.Fib;
import org.iommu4j.s390.command.FunctionHandle;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/** One PCI function: state, handle, and what MPCIFC registered. Changed by its facility only. */
public final class PciFunction {
    private final int index;
    private FunctionState state = FunctionState.DISABLED;
    private int life;
    private int handle;
    private boolean registered;
    private long pba;
    private long pal;
    private long iota;
    private boolean interrupts;
    private long interruptWord;
    private long aibv;
    private long aisb;
    private long fmb;
    private int gisa;
    private long refreshes;

    PciFunction(int index) {
        this.index = index;
        nameAnew();
    }

    /** Index of the function, which is its id too. */
    public int index() {
        return index;
    }

    /** State. */
    public FunctionState state() {
        return state;
    }

    /** The handle as it is now. */
    public int handle() {
        return handle;
    }

    /** True if address translation is registered. */
    public boolean registered() {
        return registered;
    }

    /** First address of the aperture. */
    public long pba() {
        return pba;
    }

    /** Last address of the aperture, inclusive. */
    public long pal() {
        return pal;
    }

    /** The anchor. */
    public long iota() {
        return iota;
    }

    /** True if a range is inside of the aperture as a whole. */
    public boolean covers(long first, long last) {
        return Long.compareUnsigned(first, pba) >= 0
                && Long.compareUnsigned(last, pal) <= 0
                && Long.compareUnsigned(first, last) <= 0;
    }

    void state(FunctionState next) {
        state = next;
        nameAnew();
    }

    /** Ends a life: the handles of this one never come back, until the count of lives wraps. */
    void retire() {
        life = (life + 1) % FunctionHandle.INSTANCES;
        nameAnew();
    }

    void register(long first, long last, long anchor) {
        registered = true;
        pba = first;
        pal = last;
        iota = anchor;
    }

    void unregister() {
        registered = false;
        pba = 0;
        pal = 0;
        iota = 0;
    }

    boolean interrupts() {
        return interrupts;
    }

    void registerInterrupts(long word, long vector, long summary) {
        interrupts = true;
        interruptWord = word;
        aibv = vector;
        aisb = summary;
    }

    void unregisterInterrupts() {
        interrupts = false;
        interruptWord = 0;
        aibv = 0;
        aisb = 0;
    }

    long fmb() {
        return fmb;
    }

    void measure(long block) {
        fmb = block;
        refreshes = 0;
    }

    /** Counts a refresh and answers how many there were since measuring began. */
    long countRefresh() {
        return ++refreshes;
    }

    void gisa(int designation) {
        gisa = designation;
    }

    /** The words of the block that STPCIFC stores. */
    void store(long[] fib) {
        boolean error = state == FunctionState.ERROR || state == FunctionState.BLOCKED;
        fib[Fib.ENABLED.word()] = Fib.ENABLED.of(state.hasEnabledHandle() ? 1 : 0)
                | Fib.ERROR.of(error ? 1 : 0)
                | Fib.BLOCKED.of(state == FunctionState.ERROR ? 1 : 0)
                | Fib.REGISTERED.of(registered ? 1 : 0);
        fib[Fib.PBA.word()] = pba;
        fib[Fib.PAL.word()] = pal;
        fib[Fib.IOTA.word()] = iota;
        fib[Fib.ISC.word()] = interruptWord;
        fib[Fib.AIBV.word()] = aibv;
        fib[Fib.AISB.word()] = aisb;
        fib[Fib.FMB.word()] = fmb;
        fib[Fib.GD.word()] = Fib.GD.of(Integer.toUnsignedLong(gisa));
    }

    void save(SnapshotWriter out) {
        out.putString(state.name()).putInt(life);
        out.putBoolean(registered).putLong(pba).putLong(pal).putLong(iota);
        out.putBoolean(interrupts).putLong(interruptWord).putLong(aibv).putLong(aisb);
        out.putLong(fmb).putInt(gisa).putLong(refreshes);
    }

    void load(SnapshotReader in) {
        String name = in.getString();
        state = FunctionState.named(name);
        if (state == null) {
            throw in.invalid("state " + name + " of function " + index);
        }
        life = in.getCount(FunctionHandle.INSTANCES - 1);
        registered = in.getBoolean();
        pba = in.getLong();
        pal = in.getLong();
        iota = in.getLong();
        interrupts = in.getBoolean();
        interruptWord = in.getLong();
        aibv = in.getLong();
        aisb = in.getLong();
        fmb = in.getLong();
        gisa = in.getInt();
        refreshes = in.getLong();
        nameAnew();
    }

    private void nameAnew() {
        handle = FunctionHandle.of(index, life, state.hasEnabledHandle());
    }
}

package org.iommu4j.spapr.translate;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.contract.Errno;
import org.iommu4j.spapr.command.HypercallCode;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprCommand;

/** The platform's calls. A call that answers busy is made again. Allocates nothing while nobody listens. */
final class ChipPort {
    /** Tries of a busy call. */
    static final int MAX_TRIES = 1000;

    private final NativePort port;
    private final NativeCall call = new NativeCall();
    private final int defaultPe;
    private final int defaultLiobn;
    private final long defaultBase;
    private final int defaultWindowShift;
    private NativeCommandListener tap;

    /**
     * Asks for the default window.
     *
     * @throws BackendException {@code EIO} if nobody answers
     */
    ChipPort(NativePort port) {
        this.port = port;
        long result = query(SpaprCall.DEFAULT_PE, 0);
        if (result != HypercallCode.SUCCESS) {
            throw new BackendException(
                    Errno.EIO, "no platform with a default window answers: " + HypercallCode.nameOf(result));
        }
        defaultLiobn = (int) call.word(0);
        defaultBase = call.word(1);
        defaultWindowShift = (int) call.word(3);
        defaultPe = (int) call.word(6);
    }

    /** Goes on with the default window that another driver found. */
    ChipPort(NativePort port, int defaultPe, int defaultLiobn, long defaultBase, int defaultWindowShift) {
        this.port = port;
        this.defaultPe = defaultPe;
        this.defaultLiobn = defaultLiobn;
        this.defaultBase = defaultBase;
        this.defaultWindowShift = defaultWindowShift;
    }

    /** The machine. */
    NativePort port() {
        return port;
    }

    /** The endpoint that is there from reset on. */
    int defaultPe() {
        return defaultPe;
    }

    /** LIOBN of its default window. */
    int defaultLiobn() {
        return defaultLiobn;
    }

    /** First address of the default window. */
    long defaultBase() {
        return defaultBase;
    }

    /** log2 of its size in bytes. */
    int defaultWindowShift() {
        return defaultWindowShift;
    }

    /** Shows each TCE hypercall as its registers from R3 on; null for nobody. */
    void tap(NativeCommandListener listener) {
        tap = listener;
    }

    /** Reads an entry, which stands in {@link #tce} afterwards. */
    long get(int liobn, long iova) {
        call.begin(SpaprCall.H_GET_TCE).word(0, Integer.toUnsignedLong(liobn)).word(1, iova);
        return run();
    }

    /** The entry that {@link #get} read. */
    long tce() {
        return call.word(0);
    }

    /** Stores an entry. */
    long put(int liobn, long iova, long tce) {
        return put(liobn, iova, tce, 0);
    }

    /** Stores an entry that {@link #get} read, which drops what is cached of it; what others have stored since stays. */
    long putAgain(int liobn, long iova, long tce) {
        return put(liobn, iova, tce, SpaprCall.AGAIN);
    }

    private long put(int liobn, long iova, long tce, long again) {
        call.begin(SpaprCall.H_PUT_TCE)
                .word(0, Integer.toUnsignedLong(liobn))
                .word(1, iova)
                .word(2, tce)
                .word(SpaprCall.AGAIN_WORD, again);
        return run();
    }

    /** Stores a value in many entries. */
    long stuff(int liobn, long iova, long tce, long count) {
        call.begin(SpaprCall.H_STUFF_TCE)
                .word(0, Integer.toUnsignedLong(liobn))
                .word(1, iova)
                .word(2, tce)
                .word(3, count);
        return run();
    }

    /** Stores a list of entries that {@link #get} read; as {@link #putAgain}. */
    long putIndirectAgain(int liobn, long iova, long list, long count) {
        call.begin(SpaprCall.H_PUT_TCE_INDIRECT)
                .word(0, Integer.toUnsignedLong(liobn))
                .word(1, iova)
                .word(2, list)
                .word(3, count)
                .word(SpaprCall.AGAIN_WORD, SpaprCall.AGAIN);
        return run();
    }

    /** Adds a window or moves its table. */
    long setTable(int pe, Window window) {
        call.begin(SpaprCall.H_SET_TCE_TABLE)
                .word(0, Integer.toUnsignedLong(window.liobn()))
                .word(1, pe)
                .word(2, window.base())
                .word(3, window.pageShift())
                .word(4, window.windowShift())
                .word(5, window.levels())
                .word(6, window.levelShift())
                .word(7, window.root());
        return run();
    }

    /** Removes a window. */
    long removeTable(int pe, int liobn) {
        call.begin(SpaprCall.H_SET_TCE_TABLE)
                .word(0, Integer.toUnsignedLong(liobn))
                .word(1, pe);
        return run();
    }

    /**
     * Asks for the window in a slot.
     *
     * @param into takes it
     * @return false if there is none
     */
    boolean queryTable(int pe, int slot, Window into) {
        if (query(pe, slot) != HypercallCode.SUCCESS) {
            return false;
        }
        into.place((int) call.word(0), call.word(1), (int) call.word(2), (int) call.word(3));
        into.table((int) call.word(4), (int) call.word(7), call.word(5));
        return true;
    }

    /** Moves a requester, or every one, to an endpoint, or to none. */
    long setRequester(long requester, long pe) {
        call.begin(SpaprCall.H_SET_REQUESTER_PE).word(0, requester).word(1, pe);
        return run();
    }

    /** The error of a hypercall's code, docs/spec/spapr-tce.md 5.2. */
    static Errno errno(long result) {
        if (result == HypercallCode.SUCCESS) {
            return Errno.OK;
        }
        if (HypercallCode.isBusy(result)) {
            return Errno.EBUSY;
        }
        if (result == HypercallCode.PARAMETER) {
            return Errno.EINVAL;
        }
        if (result == HypercallCode.P4) {
            return Errno.E2BIG;
        }
        if (result == HypercallCode.PERMISSION) {
            return Errno.EPERM;
        }
        if (result == HypercallCode.NOT_ENOUGH_RESOURCES || result == HypercallCode.RESOURCE) {
            return Errno.ENOMEM;
        }
        return result == HypercallCode.FUNCTION ? Errno.EOPNOTSUPP : Errno.EIO;
    }

    private long query(long pe, int slot) {
        call.begin(SpaprCall.H_QUERY_TCE_TABLE).word(0, pe).word(1, slot);
        return run();
    }

    private long run() {
        if (tap != null) {
            show();
        }
        port.call(call);
        for (int tries = 1; HypercallCode.isBusy(call.result()) && tries < MAX_TRIES; tries++) {
            port.call(call);
        }
        return call.result();
    }

    private void show() {
        SpaprCommand command = SpaprCommand.of(call.function());
        if (command == null) {
            // Setting up windows and requesters is what tables in memory are on other models: no native command.
            return;
        }
        long[] words = new long[command.words()];
        words[0] = call.function();
        for (int i = 1; i < words.length; i++) {
            words[i] = call.word(i - 1);
        }
        tap.command(command.layout().encode(words));
    }
}

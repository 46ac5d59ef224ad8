package org.iommu4j.intel.hardware;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.InterruptEntryCacheInvalidate;
import org.iommu4j.intel.command.InvalidationWait;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.CompletionStatus;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.FaultStatus;
import org.iommu4j.intel.command.VtdRegisters.QueueAddress;
import org.iommu4j.intel.command.VtdRegisters.QueueError;
import org.iommu4j.intel.command.VtdRegisters.QueueHead;
import org.iommu4j.intel.command.VtdRegisters.QueueTail;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.memory.PageCursor;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.ring.CommandRing;
import org.iommu4j.simulation.ring.RingStyle;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The invalidation queue, VT-d 6.5.2: fetches descriptors in order and carries each out before the next, so that a wait has
 * nothing to wait for and FN, DW and DR are fulfilled by themselves.
 *
 * <p>A wrong descriptor sets FSTS.IQE with its IQEI; the head stays on it until software clears IQE, then it is fetched
 * again. A wrong tail is refused when it is written: the tail that was valid before goes on to count. A wait whose status
 * cannot be stored is an error 2 (descriptor cannot be completed), head on the wait.
 *
 * <p>A device that does not answer its invalidation in time makes the waits behind it abort (no status, no event). FSTS.ITE
 * is set once everything up to the tail has been fetched, and nothing more is fetched until software clears it.
 */
final class InvalidationQueue {
    private static final int SHORT_DESCRIPTOR = 16;
    private static final int LONG_DESCRIPTOR = 32;
    private static final int PAGE_SHIFT = 12;
    private static final int TYPES = 16;
    private static final int NOBODY = -1;
    private static final int OK = 0;

    private final RegisterFile registers;
    private final PhysicalMemory memory;

    /** Where descriptors are fetched. */
    private final PageCursor fetched;

    private final DevicePort devices;
    private final TranslationCaches caches;
    private final FaultRecorder faults;
    private final EventMessage completion;

    /** Who observes, or null. */
    private final CommandReports reports;

    private final VtdOptions options;

    private final int subVersion;
    private final int largestMask;
    private final int largestIndexMask;

    /** A bit for each type that is legal on this unit. */
    private final int legalTypes;

    /** By type: the bits of the first word of a descriptor that must be zero. */
    private final long[] reserved0 = new long[TYPES];

    /** By type: the bits of the second word that must be zero. */
    private final long[] reserved1 = new long[TYPES];

    /** By type: the bits of the words that the unit ignores, as those of an address that it does not have. */
    private final long[] ignored0 = new long[TYPES];

    private final long[] ignored1 = new long[TYPES];

    private final long[] descriptor = new long[2];

    private final CommandRing ring = new CommandRing(RingStyle.BYTE_OFFSET);
    private boolean enabled;
    private boolean longDescriptors;
    private boolean tableModeLegal = true;
    private boolean stepping;
    private boolean endsWithWait = true;
    private int timedOut = NOBODY;
    private long commands;

    InvalidationQueue(
            int subVersion,
            VtdCapabilities unit,
            VtdOptions options,
            RegisterFile registers,
            PhysicalMemory memory,
            DevicePort devices,
            int hostAddressWidth,
            TranslationCaches caches,
            FaultRecorder faults,
            EventMessage completion,
            CommandReports reports) {
        this.subVersion = subVersion;
        this.options = options;
        this.registers = registers;
        this.memory = memory;
        fetched = new PageCursor(memory);
        this.devices = devices;
        this.caches = caches;
        this.faults = faults;
        this.completion = completion;
        this.reports = reports;
        largestMask = Cap.PSI.isSet(unit.cap()) ? Cap.MAMV.getInt(unit.cap()) : NOBODY;
        largestIndexMask = Ecap.MHMV.getInt(unit.ecap());
        ignored0[VtdCommand.TYPE_CONTEXT_CACHE] = from(ContextCacheInvalidate.DID, unit.domainIdBits());
        ignored0[VtdCommand.TYPE_IOTLB] = from(IotlbInvalidate.DID, unit.domainIdBits());
        ignored1[VtdCommand.TYPE_IOTLB] = IotlbInvalidate.ADDR.mask() & ~unit.addressMask();
        ignored1[VtdCommand.TYPE_WAIT] = InvalidationWait.STATUS_ADDRESS.mask() & (-1L << hostAddressWidth);
        int legal = 0;
        for (VtdCommand command : VtdCommand.values()) {
            boolean known = switch (command) {
                case DEVICE_TLB_INVALIDATE -> Ecap.DT.isSet(unit.ecap());
                case INTERRUPT_ENTRY_CACHE_INVALIDATE -> Ecap.IR.isSet(unit.ecap());
                case CONTEXT_CACHE_INVALIDATE, IOTLB_INVALIDATE, INVALIDATION_WAIT -> true;
            };
            if (known) {
                int type = command.opcode();
                legal |= 1 << type;
                reserved0[type] = command.layout().reservedMask(0, subVersion, unit::has);
                reserved1[type] = command.layout().reservedMask(1, subVersion, unit::has);
            }
        }
        legalTypes = legal;
        registers.filterWrites(QueueAddress.OFFSET, (before, proposed, written, lanes) -> enabled ? before : proposed);
        registers.onWrite(QueueTail.OFFSET, (before, after, written, lanes) -> tailWritten(after));
        registers.onWrite(CompletionStatus.OFFSET, (before, after, written, lanes) -> {
            if (!CompletionStatus.IWC.isSet(after)) {
                completion.withdraw();
            }
        });
    }

    /**
     * The root table pointer was set.
     *
     * @param legal false if it names a mode that the unit does not have: no descriptor is carried out then
     */
    void setTableMode(boolean legal) {
        tableModeLegal = legal;
    }

    /** True while the queue is on. */
    boolean isEnabled() {
        return enabled;
    }

    /** Descriptors consumed since the unit was made. */
    long commands() {
        return commands;
    }

    /** Turns the queue on: it starts empty at its address, or with what software has put before the tail already. */
    void enable() {
        long address = registers.get(QueueAddress.OFFSET);
        longDescriptors = QueueAddress.DW.isSet(address);
        int bytes = longDescriptors ? LONG_DESCRIPTOR : SHORT_DESCRIPTOR;
        int queueShift = PAGE_SHIFT + QueueAddress.QS.getInt(address);
        ring.configure(QueueAddress.IQA_BASE.get(address), bytes, (1 << queueShift) / bytes);
        registers.set(QueueHead.OFFSET, 0);
        enabled = true;
        endsWithWait = true;
        timedOut = NOBODY;
        long tail = registers.get(QueueTail.OFFSET);
        if (tail != 0 && !options.tailBeforeEnable()) {
            fail(QueueError.INVALID_TAIL);
        } else {
            tailWritten(tail);
        }
    }

    /**
     * Turns the queue off and sets the head to 0.
     *
     * @return false, and it stays on, unless it is empty and the last descriptor was a wait
     */
    boolean disable() {
        if (!ring.isEmpty() || !endsWithWait) {
            return false;
        }
        enabled = false;
        registers.set(QueueHead.OFFSET, 0);
        return true;
    }

    /** Software has cleared errors: fetching goes on at the head, VT-d 6.5.2.11. */
    void resume() {
        if (!stepping) {
            run(Integer.MAX_VALUE);
        }
    }

    /** Holds descriptors back for {@link #run}; without holding, those that wait are consumed. */
    void stepping(boolean on) {
        stepping = on;
        resume();
    }

    /**
     * Consumes descriptors until the queue is empty or stopped by an error.
     *
     * @param most how many at most
     * @return how many
     */
    int run(int most) {
        int consumed = 0;
        if (enabled && !isStopped()) {
            while (consumed < most && !ring.isEmpty()) {
                int error = configurationError();
                if (error == OK) {
                    error = fetch(ring.headAddress());
                }
                if (error != OK) {
                    fail(error);
                    break;
                }
                ring.advanceHead();
                consumed++;
            }
            commands += consumed;
            registers.set(QueueHead.OFFSET, ring.head());
            if (timedOut != NOBODY && ring.isEmpty()) {
                reportTimeout();
            }
        }
        return consumed;
    }

    void save(SnapshotWriter out) {
        out.putBoolean(enabled);
        out.putBoolean(longDescriptors);
        out.putBoolean(stepping);
        out.putBoolean(endsWithWait);
        out.putInt(timedOut);
        ring.save(out);
    }

    void load(SnapshotReader in) {
        enabled = in.getBoolean();
        longDescriptors = in.getBoolean();
        stepping = in.getBoolean();
        endsWithWait = in.getBoolean();
        timedOut = in.getInt();
        ring.load(in);
    }

    private boolean isStopped() {
        return faults.isRaised(FaultStatus.IQE.mask() | FaultStatus.ITE.mask());
    }

    private void tailWritten(long tail) {
        if (!enabled) {
            return;
        }
        boolean aligned = !longDescriptors || (tail & SHORT_DESCRIPTOR) == 0;
        if (aligned && ring.setTail(tail)) {
            resume();
        } else {
            fail(aligned ? QueueError.INVALID_TAIL : QueueError.UNALIGNED_TAIL);
        }
    }

    /** What is wrong with the queue itself, before any descriptor is looked at; 256-bit descriptors need scalable mode. */
    private int configurationError() {
        if (!tableModeLegal) {
            return QueueError.INVALID_TABLE_MODE;
        }
        return longDescriptors ? QueueError.INVALID_WIDTH : OK;
    }

    /** The bits of a field from one of its own bits on. */
    private static long from(BitField field, int bit) {
        return field.mask() & (-1L << (field.shift() + bit));
    }

    /** Sets IQE; an error that is there already keeps its cause. */
    private void fail(int error) {
        if (!faults.isRaised(FaultStatus.IQE.mask())) {
            long record = registers.get(QueueError.OFFSET);
            registers.set(QueueError.OFFSET, QueueError.IQEI.set(record, error));
            faults.raise(FaultStatus.IQE.mask());
        }
    }

    private void reportTimeout() {
        long record = registers.get(QueueError.OFFSET);
        int sourceId = options.timeoutSourceId() ? timedOut : 0;
        registers.set(QueueError.OFFSET, QueueError.ITESID.set(record, sourceId));
        timedOut = NOBODY;
        faults.raise(FaultStatus.ITE.mask());
    }

    /** Reads and carries out the descriptor at {@code address}; returns {@link #OK} or its IQEI. */
    private int fetch(long address) {
        long[] words = descriptor;
        try {
            fetched.readPairLe(address, words);
        } catch (BusErrorException e) {
            return QueueError.FETCH_ERROR;
        }
        long word0 = words[0];
        long word1 = words[1];
        int type = VtdCommand.typeOf(word0, subVersion);
        if (type >= TYPES || (legalTypes >>> type & 1) == 0) {
            return QueueError.UNKNOWN_TYPE;
        }
        if (((word0 & reserved0[type]) | (word1 & reserved1[type])) != 0) {
            return QueueError.RESERVED_FIELD;
        }
        word0 &= ~ignored0[type];
        word1 &= ~ignored1[type];
        return reports == null ? carryOut(type, word0, word1) : carryOutObserved(type, word0, word1);
    }

    private int carryOut(int type, long word0, long word1) {
        return type == VtdCommand.TYPE_IOTLB ? iotlb(word0, word1) : other(type, word0, word1);
    }

    private int other(int type, long word0, long word1) {
        return switch (type) {
            case VtdCommand.TYPE_CONTEXT_CACHE -> contextCache(word0);
            case VtdCommand.TYPE_DEVICE_TLB -> deviceTlb(word0, word1);
            case VtdCommand.TYPE_INTERRUPT_ENTRY_CACHE -> interruptEntryCache(word0);
            default -> await(word0, word1);
        };
    }

    private int carryOutObserved(int type, long word0, long word1) {
        long dropped = caches.dropped();
        int error = carryOut(type, word0, word1);
        if (error == OK) {
            report(type, word0, word1, caches.dropped() - dropped);
        }
        return error;
    }

    /** After a time-out nothing completes: the device may hold what it held, and waits do not tell software. */
    private void report(int type, long word0, long word1, long dropped) {
        if (type == VtdCommand.TYPE_WAIT) {
            if (timedOut == NOBODY && (InvalidationWait.SW.isSet(word0) || InvalidationWait.IF.isSet(word0))) {
                reports.completed();
            }
        } else if (type != VtdCommand.TYPE_DEVICE_TLB || timedOut == NOBODY) {
            reports.queued(type, word0, word1, dropped);
        }
    }

    private int contextCache(long word0) {
        switch (ContextCacheInvalidate.G.getInt(word0)) {
            case ContextCacheInvalidate.GLOBAL -> caches.invalidateContexts();
            case ContextCacheInvalidate.DOMAIN ->
                caches.invalidateContextsOfDomain(ContextCacheInvalidate.DID.getInt(word0));
            case ContextCacheInvalidate.DEVICE ->
                caches.invalidateContextOfDevice(
                        ContextCacheInvalidate.SID.getInt(word0),
                        ContextCacheInvalidate.FM.getInt(word0),
                        ContextCacheInvalidate.DID.getInt(word0));
            default -> {
                return QueueError.RESERVED_FIELD;
            }
        }
        endsWithWait = false;
        return OK;
    }

    private int iotlb(long word0, long word1) {
        int granularity = IotlbInvalidate.G.getInt(word0);
        if (granularity == IotlbInvalidate.PAGE) {
            return iotlbPages(word0, word1);
        }
        switch (granularity) {
            case IotlbInvalidate.GLOBAL -> caches.invalidateTranslations();
            case IotlbInvalidate.DOMAIN -> caches.invalidateDomain(IotlbInvalidate.DID.getInt(word0));
            default -> {
                return QueueError.RESERVED_FIELD;
            }
        }
        endsWithWait = false;
        return OK;
    }

    private int iotlbPages(long word0, long word1) {
        int addressMask = IotlbInvalidate.AM.getInt(word1);
        if (addressMask > largestMask) {
            return QueueError.RESERVED_FIELD;
        }
        caches.invalidatePages(
                IotlbInvalidate.DID.getInt(word0),
                IotlbInvalidate.ADDR.get(word1),
                addressMask,
                IotlbInvalidate.IH.isSet(word1));
        endsWithWait = false;
        return OK;
    }

    private int deviceTlb(long word0, long word1) {
        int sourceId = DeviceTlbInvalidate.SID.getInt(word0);
        caches.invalidateDevice(sourceId, word1);
        boolean all = DeviceTlbInvalidate.isAll(word1);
        long bytes = all ? 0 : 1L << (PAGE_SHIFT + DeviceTlbInvalidate.pagesShift(word1));
        boolean answered = devices.invalidate(sourceId, NOBODY, DeviceTlbInvalidate.firstAddress(word1), bytes);
        if (!answered && timedOut == NOBODY) {
            timedOut = sourceId;
        }
        endsWithWait = false;
        return OK;
    }

    /** Interrupt remapping is not modelled: the cache is always empty. */
    private int interruptEntryCache(long word0) {
        if (InterruptEntryCacheInvalidate.G.isSet(word0)
                && InterruptEntryCacheInvalidate.IM.getInt(word0) > largestIndexMask) {
            return QueueError.RESERVED_FIELD;
        }
        endsWithWait = false;
        return OK;
    }

    /** The status is stored before the event is raised. */
    private int await(long word0, long word1) {
        if (timedOut == NOBODY) {
            if (InvalidationWait.SW.isSet(word0)) {
                try {
                    memory.writeIntLe(
                            InvalidationWait.STATUS_ADDRESS.get(word1), InvalidationWait.STATUS_DATA.getInt(word0));
                } catch (BusErrorException | BackendException e) {
                    return QueueError.FETCH_ERROR;
                }
            }
            if (InvalidationWait.IF.isSet(word0)) {
                long status = registers.get(CompletionStatus.OFFSET);
                if (!CompletionStatus.IWC.isSet(status)) {
                    registers.set(CompletionStatus.OFFSET, CompletionStatus.IWC.mask());
                    completion.raise();
                }
            }
        }
        endsWithWait = true;
        return OK;
    }
}

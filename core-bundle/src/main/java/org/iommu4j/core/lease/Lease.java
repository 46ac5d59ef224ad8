package org.iommu4j.core.lease;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.RevocableMemory;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.contract.Errno;

/**
 * A machine as one backend has it, for one chip with its driver or for one virtual IOMMU: all of the machine until the lease
 * ends, nothing after that, whatever call of the backend is still under way. The host's pages belong to the lease through
 * which they were allocated, until another one takes them over with the saved state.
 */
public final class Lease implements Platform {
    private final Platform machine;
    private final View memory;
    private final View deviceMemory;
    private final View guestTables;
    private final InterruptSink interrupts;
    private final DevicePort devices;
    private volatile boolean ended;

    /** True once the chip has been taken from its bus; touched inside the gate of its unit, or while that is held. */
    private boolean unplugged;

    /** Pages allocated through this lease, or taken over for good; guarded by this. */
    private final PageRanges own = new PageRanges();

    /** Pages of the predecessor, as long as it may go on with them; guarded by this. */
    private final PageRanges inherited;

    /** Pages of the predecessor that were given back meanwhile: first address and number; guarded by this. */
    private final List<long[]> givenBack = new ArrayList<>();

    /** A lease without pages. */
    public Lease(Platform machine) {
        this(machine, null);
    }

    /** A lease of a successor, which may go on with the pages of {@code predecessor}; null if it must not. */
    public Lease(Platform machine, Lease predecessor) {
        this.machine = machine;
        this.inherited = predecessor == null ? new PageRanges() : predecessor.pages();
        this.memory = new View(machine.memory());
        this.deviceMemory = new View(machine.deviceMemory());
        this.guestTables = new View(machine.guestTables());
        InterruptSink sink = machine.interrupts();
        this.interrupts = (address, data) -> {
            expectAlive();
            sink.raise(address, data);
        };
        DevicePort port = machine.devices();
        this.devices = new DevicePort() {
            @Override
            public boolean invalidate(int requester, int pasid, long iova, long lengthBytes) {
                expectAlive();
                return port.invalidate(requester, pasid, iova, lengthBytes);
            }

            @Override
            public void respond(int requester, int pasid, int group, PageResponse response) {
                expectAlive();
                port.respond(requester, pasid, group, response);
            }
        };
    }

    /** True if an address is in a page of the lease. */
    public synchronized boolean owns(long pa) {
        return own.contains(pa) || inherited.contains(pa);
    }

    /** True if pages of the host were allocated through it, or taken over, and not given back. */
    public synchronized boolean hasPages() {
        return !own.isEmpty();
    }

    private synchronized PageRanges pages() {
        return own.copy();
    }

    /** A lease of a successor that may go on with the pages of this one. */
    public Lease handOver() {
        return new Lease(machine, this);
    }

    /** Takes over the predecessor's pages for good: the backend of this lease serves now. */
    public synchronized void takeOver() {
        for (long[] range : givenBack) {
            machine.freePages(range[0], (int) range[1]);
        }
        givenBack.clear();
        own.addAll(inherited);
        inherited.clear();
    }

    /** From now on nothing of the machine can be reached through it; its pages stay as they are. */
    public void end() {
        synchronized (this) {
            ended = true;
        }
        memory.end();
        deviceMemory.end();
        guestTables.end();
    }

    /** Ends the lease and frees the pages that were allocated through it or taken over for good. */
    public void endAndFree() {
        end();
        synchronized (this) {
            own.forEach(machine::freePages);
            own.clear();
        }
    }

    /** The chip has been taken from its bus: nothing that is written to it arrives, and it answers nothing. Inside the gate. */
    public void unplug() {
        unplugged = true;
    }

    /** True once the chip has been taken from its bus. Inside the gate. */
    public boolean isUnplugged() {
        return unplugged;
    }

    /** True if it has ended. */
    boolean isEnded() {
        return ended;
    }

    /** Throws if it has ended. */
    void expectAlive() {
        if (ended) {
            throw over();
        }
    }

    private static BackendException over() {
        return new BackendException(Errno.ENODEV, "the backend was given up: this machine is no longer its own");
    }

    @Override
    public PhysicalMemory memory() {
        return memory;
    }

    @Override
    public PhysicalMemory deviceMemory() {
        return deviceMemory;
    }

    @Override
    public PhysicalMemory guestTables() {
        return guestTables;
    }

    /** This lease: the owner of its pages was decided when it was given out. */
    @Override
    public Platform forOwner(PageOwner owner) {
        return this;
    }

    @Override
    public InterruptSink interrupts() {
        return interrupts;
    }

    @Override
    public DevicePort devices() {
        return devices;
    }

    @Override
    public long nanoTime() {
        return machine.nanoTime();
    }

    @Override
    public int hostAddressWidth() {
        return machine.hostAddressWidth();
    }

    @Override
    public synchronized long allocatePages(int pages) {
        expectAlive();
        long pa = machine.allocatePages(pages);
        own.add(pa, pages);
        return pa;
    }

    @Override
    public boolean isFree(long pa) {
        return machine.isFree(pa);
    }

    @Override
    public synchronized void freePages(long pa, int pages) {
        expectAlive();
        if (own.remove(pa, pages)) {
            machine.freePages(pa, pages);
        } else if (inherited.remove(pa, pages)) {
            givenBack.add(new long[] {pa, pages});
        } else {
            throw new BackendException(
                    Errno.EINVAL, pages + " pages at 0x" + Long.toHexString(pa) + " are not this backend's");
        }
    }

    @Override
    public Sanitizer sanitizer() {
        return machine.sanitizer();
    }

    /** A view of the machine's memory that ends with the lease. */
    private static final class View implements RevocableMemory {
        /** The machine's memory; null once the lease has ended. */
        private volatile PhysicalMemory whole;

        /** Run when the lease ends; guarded by this. */
        private final List<Runnable> actions = new ArrayList<>();

        private View(PhysicalMemory whole) {
            this.whole = whole;
        }

        private synchronized void end() {
            whole = null;
            actions.forEach(Runnable::run);
            actions.clear();
        }

        @Override
        public PhysicalMemory whole() {
            return whole;
        }

        @Override
        public synchronized void onEnd(Runnable action) {
            if (whole == null) {
                action.run();
            } else {
                actions.add(action);
            }
        }

        private PhysicalMemory alive() {
            PhysicalMemory present = whole;
            if (present == null) {
                throw over();
            }
            return present;
        }

        @Override
        public long readLongLe(long pa) {
            return alive().readLongLe(pa);
        }

        @Override
        public long readLongBe(long pa) {
            return alive().readLongBe(pa);
        }

        @Override
        public int readIntLe(long pa) {
            return alive().readIntLe(pa);
        }

        @Override
        public void writeLongLe(long pa, long value) {
            alive().writeLongLe(pa, value);
        }

        @Override
        public void readPairLe(long pa, long[] target) {
            alive().readPairLe(pa, target);
        }

        @Override
        public void writePairLe(long pa, long first, long second) {
            alive().writePairLe(pa, first, second);
        }

        @Override
        public void writeLongBe(long pa, long value) {
            alive().writeLongBe(pa, value);
        }

        @Override
        public void writeIntLe(long pa, int value) {
            alive().writeIntLe(pa, value);
        }

        @Override
        public void read(long pa, byte[] target, int offset, int length) {
            alive().read(pa, target, offset, length);
        }

        @Override
        public void write(long pa, byte[] source, int offset, int length) {
            alive().write(pa, source, offset, length);
        }

        @Override
        public boolean contains(long pa, long length) {
            return alive().contains(pa, length);
        }
    }
}

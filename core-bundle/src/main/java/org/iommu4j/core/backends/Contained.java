package org.iommu4j.core.backends;

import java.util.List;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.RequestReader;
import org.iommu4j.core.foreign.VendorThread;

/**
 * Foreign objects, as the core calls them. The one place where what a vendor throws is caught, whatever it is: languages
 * other than Java throw checked exceptions that no signature announces. Methods with a completion answer {@code EIO}; the
 * others throw {@link org.iommu4j.backend.BackendException}. What is asked before a request can come, or for an explanation,
 * runs in a {@link VendorThread}, which catches as much.
 *
 * <p>A vendor never gets a client's completion: it fills in one that belongs to the object here, and the caller's is filled
 * in from that when the vendor has come back. So a vendor that is given up has nothing of a client's to write to.
 *
 * <p>The class is long because each kind of foreign object has its wrapper here, beside the others, so that none catches less.
 */
public final class Contained {
    private Contained() {}

    /** A driver that a backend made. */
    static Translator translator(Translator foreign, BackendEntry backend) {
        return new ContainedTranslator(foreign, backend);
    }

    /** A chip that a backend made; an access that it throws in is blocked. */
    static Hardware hardware(Hardware foreign, BackendEntry backend) {
        return new ContainedHardware(foreign, backend);
    }

    /** A virtual IOMMU that a backend made. */
    public static GuestDecoder decoder(GuestDecoder foreign, BackendEntry backend) {
        return new ContainedDecoder(foreign, backend);
    }

    /** A compatibility handler in front of a backend. */
    public static Rewriter shim(Shim foreign, BackendEntry backend) {
        return new Rewriter(foreign, backend);
    }

    /** As {@link RequestReader#read}; its lengths and layouts are those of {@code backend}. */
    public static int read(
            RequestReader reader,
            BackendEntry backend,
            long request,
            byte[] bytes,
            int offset,
            int readable,
            Completion completion) {
        try {
            return reader.read(request, bytes, offset, readable, completion);
        } catch (Throwable t) {
            return contain(t, backend, completion);
        }
    }

    /** As {@link org.iommu4j.backend.NativeFormats#eventRequester}, of the chips of a backend; empty if it fails. */
    public static OptionalInt eventRequester(BackendEntry backend, byte[] record) {
        try {
            return backend.parts().backend().formats().eventRequester(record);
        } catch (Throwable t) {
            backend.contained(t);
            return OptionalInt.empty();
        }
    }

    /** As {@link org.iommu4j.backend.NativeFormats#deviceBits}, of the chips of a backend; all bits if it fails. */
    public static int deviceBits(BackendEntry backend) {
        try {
            return backend.parts().backend().formats().deviceBits();
        } catch (Throwable t) {
            backend.contained(t);
            return -1;
        }
    }

    /** Fills in the answer for an exception of a vendor; it is counted and logged with the backend. */
    static int contain(Throwable thrown, BackendEntry backend, Completion completion) {
        return completion.fail(
                Errno.EIO, "the backend failed: " + backend.contained(thrown).text());
    }

    /** Makes code and completion agree, whatever foreign code said: in doubt the request failed. */
    public static int settle(int code, Completion completion) {
        if (completion.errno() != Errno.OK) {
            return completion.errno().code();
        }
        if (code == 0) {
            return 0;
        }
        for (Errno errno : Errno.values()) {
            if (errno != Errno.OK && errno.code() == code) {
                return completion.fail(errno, "");
            }
        }
        return completion.fail(Errno.EIO, "the backend answered " + code);
    }

    /** Hands a failure or a widening to the caller; the request is not complete yet. */
    private static int passUnfinished(int code, Completion answer, Completion completion) {
        int settled = settle(code, answer);
        if (settled != 0) {
            completion.copy(answer);
        } else if (answer.fidelity() == Fidelity.WIDENED) {
            completion.widened(answer.reason());
        }
        return settled;
    }

    private static void contained(BackendEntry backend, Runnable call) {
        try {
            call.run();
        } catch (Throwable t) {
            throw backend.contained(t).toUsers();
        }
    }

    /** The answer of foreign code, or what it throws as an exception of the core's. */
    static <T> T asked(BackendEntry backend, Supplier<T> question) {
        try {
            return question.get();
        } catch (Throwable t) {
            // A class that it needed late could not be loaded: its bundle has left in the middle of the question.
            throw backend.parts() == null
                    ? hasLeft(backend)
                    : backend.contained(t).toUsers();
        }
    }

    /** The refusal of whatever is asked of a backend that has left. */
    static BackendException hasLeft(BackendEntry backend) {
        return new BackendException(Errno.ENODEV, "the backend " + backend + " has left");
    }

    /** The calls that a request makes have their own handlers: they allocate nothing. */
    private static final class ContainedTranslator implements Translator {
        private final Translator foreign;
        private final BackendEntry backend;
        private final Completion answer = new Completion();

        private ContainedTranslator(Translator foreign, BackendEntry backend) {
            this.foreign = foreign;
            this.backend = backend;
        }

        /** Hands the vendor's answer to the caller; a request that is done is done. */
        private int pass(int code, Completion completion) {
            int settled = passUnfinished(code, answer, completion);
            if (settled == 0) {
                completion.done(answer.fidelity());
            }
            return settled;
        }

        @Override
        public int subVersion() {
            return asked(backend, () -> foreign.subVersion());
        }

        @Override
        public int openDomain(int domain, Completion completion) {
            try {
                return pass(foreign.openDomain(domain, answer.begin()), completion);
            } catch (Throwable t) {
                return contain(t, backend, completion);
            }
        }

        @Override
        public int closeDomain(int domain, Completion completion) {
            try {
                return pass(foreign.closeDomain(domain, answer.begin()), completion);
            } catch (Throwable t) {
                return contain(t, backend, completion);
            }
        }

        @Override
        public int attach(int domain, int requester, long table, int levels, Completion completion) {
            try {
                return pass(foreign.attach(domain, requester, table, levels, answer.begin()), completion);
            } catch (Throwable t) {
                return contain(t, backend, completion);
            }
        }

        @Override
        public int detach(int domain, int requester, Completion completion) {
            try {
                return pass(foreign.detach(domain, requester, answer.begin()), completion);
            } catch (Throwable t) {
                return contain(t, backend, completion);
            }
        }

        @Override
        public int bind(int domain, BindRequest request, Completion completion) {
            try {
                return pass(foreign.bind(domain, request, answer.begin()), completion);
            } catch (Throwable t) {
                return contain(t, backend, completion);
            }
        }

        @Override
        public int invalidate(int domain, InvalidateRequest request, Completion completion) {
            try {
                int code = foreign.invalidate(domain, request, answer.begin());
                if (code == UNFINISHED && answer.errno() == Errno.OK) {
                    passUnfinished(0, answer, completion);
                    return UNFINISHED;
                }
                return pass(code, completion);
            } catch (Throwable t) {
                return contain(t, backend, completion);
            }
        }

        /** Leaves the answer as it is unless waiting failed, or the driver widened the request. */
        @Override
        public int finish(Completion completion) {
            try {
                return passUnfinished(foreign.finish(answer.begin()), answer, completion);
            } catch (Throwable t) {
                return contain(t, backend, completion);
            }
        }

        /** A driver that does not answer takes no memory maps. */
        @Override
        public MemoryMapSupport memoryMap() {
            try {
                MemoryMapSupport support = foreign.memoryMap();
                return support == null ? MemoryMapSupport.NONE : support;
            } catch (Throwable t) {
                backend.contained(t);
                return MemoryMapSupport.NONE;
            }
        }

        @Override
        public int beginMap(int domain, Completion completion) {
            try {
                return pass(foreign.beginMap(domain, answer.begin()), completion);
            } catch (Throwable t) {
                return contain(t, backend, completion);
            }
        }

        @Override
        public int map(int domain, Mapping mapping, Completion completion) {
            try {
                return pass(foreign.map(domain, mapping, answer.begin()), completion);
            } catch (Throwable t) {
                return contain(t, backend, completion);
            }
        }

        @Override
        public int unmap(int domain, long first, long last, Completion completion) {
            try {
                return pass(foreign.unmap(domain, first, last, answer.begin()), completion);
            } catch (Throwable t) {
                return contain(t, backend, completion);
            }
        }

        @Override
        public int takePageRequests(int domain, List<PageRequest> taken, Completion completion) {
            try {
                return pass(foreign.takePageRequests(domain, taken, answer.begin()), completion);
            } catch (Throwable t) {
                return contain(t, backend, completion);
            }
        }

        @Override
        public int respond(int domain, PageRequest last, PageResponse response, Completion completion) {
            try {
                return pass(foreign.respond(domain, last, response, answer.begin()), completion);
            } catch (Throwable t) {
                return contain(t, backend, completion);
            }
        }

        @Override
        public Snapshot save() {
            return asked(backend, foreign::save);
        }

        @Override
        public void tap(NativeCommandListener listener) {
            contained(backend, () -> foreign.tap(listener));
        }
    }

    private static final class ContainedHardware implements Hardware {
        private final Hardware foreign;
        private final BackendEntry backend;

        private ContainedHardware(Hardware foreign, BackendEntry backend) {
            this.foreign = foreign;
            this.backend = backend;
        }

        @Override
        public HardwareConfig config() {
            return asked(backend, foreign::config);
        }

        @Override
        public long readRegister(long offset, int sizeBytes) {
            try {
                return foreign.readRegister(offset, sizeBytes);
            } catch (Throwable t) {
                throw backend.contained(t).toUsers();
            }
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            try {
                foreign.writeRegister(offset, sizeBytes, value);
            } catch (Throwable t) {
                throw backend.contained(t).toUsers();
            }
        }

        @Override
        public void call(NativeCall call) {
            contained(backend, () -> foreign.call(call));
        }

        @Override
        public void translate(DmaAccess access) {
            // An access that the chip does not decide is blocked.
            access.blocked();
            try {
                foreign.translate(access);
            } catch (Throwable t) {
                // Fail closed: a chip that breaks lets nothing through.
                access.blocked();
                backend.contained(t);
            }
        }

        /** A request that breaks the chip is dropped. */
        @Override
        public PageRequest.Outcome request(PageRequest request) {
            try {
                PageRequest.Outcome outcome = foreign.request(request);
                return outcome == null ? PageRequest.Outcome.DROPPED : outcome;
            } catch (Throwable t) {
                backend.contained(t);
                return PageRequest.Outcome.DROPPED;
            }
        }

        @Override
        public void stepping(boolean on) {
            contained(backend, () -> foreign.stepping(on));
        }

        @Override
        public int step(int commands) {
            return asked(backend, () -> foreign.step(commands));
        }

        @Override
        public Snapshot save() {
            return asked(backend, foreign::save);
        }

        @Override
        public void takeEvents(Consumer<byte[]> sink) {
            contained(backend, () -> foreign.takeEvents(sink));
        }

        @Override
        public void visitCache(CacheVisitor visitor) {
            contained(backend, () -> foreign.visitCache(visitor));
        }

        @Override
        public HardwareCounters counters() {
            return asked(backend, foreign::counters);
        }
    }

    private static final class ContainedDecoder implements GuestDecoder {
        private final GuestDecoder foreign;
        private final BackendEntry backend;

        private ContainedDecoder(GuestDecoder foreign, BackendEntry backend) {
            this.foreign = foreign;
            this.backend = backend;
        }

        @Override
        public long readRegister(long offset, int sizeBytes) {
            try {
                return foreign.readRegister(offset, sizeBytes);
            } catch (Throwable t) {
                throw backend.contained(t).toUsers();
            }
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value, GuestRequests sink) {
            contained(backend, () -> foreign.writeRegister(offset, sizeBytes, value, sink));
        }

        @Override
        public void command(byte[] bytes, GuestRequests sink) {
            contained(backend, () -> foreign.command(bytes, sink));
        }

        @Override
        public void call(NativeCall call, GuestRequests sink) {
            contained(backend, () -> foreign.call(call, sink));
        }

        @Override
        public void deviceAccess(int requester, GuestRequests sink) {
            contained(backend, () -> foreign.deviceAccess(requester, sink));
        }

        @Override
        public void deviceAccess(int requester, int pasid, GuestRequests sink) {
            contained(backend, () -> foreign.deviceAccess(requester, pasid, sink));
        }

        @Override
        public void deviceEvent(byte[] record, GuestRequests sink) {
            contained(backend, () -> foreign.deviceEvent(record, sink));
        }

        @Override
        public void pageRequests(int requester, GuestRequests sink) {
            contained(backend, () -> foreign.pageRequests(requester, sink));
        }

        @Override
        public Snapshot save() {
            return asked(backend, foreign::save);
        }

        @Override
        public String commandName(byte[] bytes) {
            return asked(backend, () -> foreign.commandName(bytes));
        }
    }

    /** A compatibility handler; of one container, while one backend serves. */
    public static final class Rewriter {
        private final Shim foreign;
        private final BackendEntry backend;
        private final Completion answer = new Completion();

        private Rewriter(Shim foreign, BackendEntry backend) {
            this.foreign = foreign;
            this.backend = backend;
        }

        /** As {@link Shim#rewrite(InvalidateRequest, Completion)}. */
        public int rewrite(InvalidateRequest request, Completion completion) {
            try {
                return passUnfinished(foreign.rewrite(request, answer.begin()), answer, completion);
            } catch (Throwable t) {
                return contain(t, backend, completion);
            }
        }

        /** As {@link Shim#rewrite(BindRequest, Completion)}. */
        public int rewrite(BindRequest request, Completion completion) {
            try {
                return passUnfinished(foreign.rewrite(request, answer.begin()), answer, completion);
            } catch (Throwable t) {
                return contain(t, backend, completion);
            }
        }
    }
}

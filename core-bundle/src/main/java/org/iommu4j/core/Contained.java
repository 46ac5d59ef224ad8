package org.iommu4j.core;

import java.util.function.Consumer;
import java.util.function.Supplier;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;

/**
 * Foreign objects, as the core calls them. The one place where what a vendor throws is caught, whatever it is: languages
 * other than Java throw checked exceptions that no signature announces. Methods with a completion answer {@code EIO}; the
 * others throw {@link org.iommu4j.backend.BackendException}. What is asked before a request can come, or for an explanation,
 * runs in a {@link VendorThread}, which catches as much.
 *
 * <p>A vendor never gets a client's completion: it fills in one that belongs to the object here, and the caller's is filled
 * in from that when the vendor has come back. So a vendor that is given up has nothing of a client's to write to.
 */
final class Contained {
    private Contained() {}

    /** A driver. */
    static Translator translator(Translator foreign) {
        return new ContainedTranslator(foreign);
    }

    /** A chip; an access that it throws in is blocked. */
    static Hardware hardware(Hardware foreign) {
        return new ContainedHardware(foreign);
    }

    /** A virtual IOMMU. */
    static GuestDecoder decoder(GuestDecoder foreign) {
        return new ContainedDecoder(foreign);
    }

    /** A compatibility handler. */
    static Rewriter shim(Shim foreign) {
        return new Rewriter(foreign);
    }

    /** Fills in what a vendor threw. */
    static int contain(Throwable thrown, Completion completion) {
        return completion.fail(Errno.EIO, "the backend failed: " + Reasons.of(thrown));
    }

    /** Makes code and completion agree, whatever foreign code said: in doubt the request failed. */
    static int settle(int code, Completion completion) {
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

    /** The caller's answer so far becomes what a vendor answered, who is not done with the request. */
    private static int passUnfinished(int code, Completion answer, Completion completion) {
        int settled = settle(code, answer);
        if (settled != 0) {
            completion.copy(answer);
        } else if (answer.fidelity() == Fidelity.WIDENED) {
            completion.widened(answer.reason());
        }
        return settled;
    }

    private static void contained(Runnable call) {
        try {
            call.run();
        } catch (Throwable t) {
            throw Reasons.typed(t);
        }
    }

    private static <T> T asked(Supplier<T> question) {
        try {
            return question.get();
        } catch (Throwable t) {
            throw Reasons.typed(t);
        }
    }

    /** The calls that a request makes have their own handlers: they allocate nothing. */
    private static final class ContainedTranslator implements Translator {
        private final Translator foreign;
        private final Completion answer = new Completion();

        private ContainedTranslator(Translator foreign) {
            this.foreign = foreign;
        }

        /** What the vendor answered becomes the caller's answer; a request that is done is done. */
        private int pass(int code, Completion completion) {
            int settled = passUnfinished(code, answer, completion);
            if (settled == 0) {
                completion.done(answer.fidelity());
            }
            return settled;
        }

        @Override
        public int subVersion() {
            return asked(() -> foreign.subVersion());
        }

        @Override
        public int openDomain(int domain, Completion completion) {
            try {
                return pass(foreign.openDomain(domain, answer.begin()), completion);
            } catch (Throwable t) {
                return contain(t, completion);
            }
        }

        @Override
        public int closeDomain(int domain, Completion completion) {
            try {
                return pass(foreign.closeDomain(domain, answer.begin()), completion);
            } catch (Throwable t) {
                return contain(t, completion);
            }
        }

        @Override
        public int attach(int domain, int requester, long table, int levels, Completion completion) {
            try {
                return pass(foreign.attach(domain, requester, table, levels, answer.begin()), completion);
            } catch (Throwable t) {
                return contain(t, completion);
            }
        }

        @Override
        public int detach(int domain, int requester, Completion completion) {
            try {
                return pass(foreign.detach(domain, requester, answer.begin()), completion);
            } catch (Throwable t) {
                return contain(t, completion);
            }
        }

        @Override
        public int bind(int domain, BindRequest request, Completion completion) {
            try {
                return pass(foreign.bind(domain, request, answer.begin()), completion);
            } catch (Throwable t) {
                return contain(t, completion);
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
                return contain(t, completion);
            }
        }

        /** Leaves an answer as it is unless it failed, or turned out to be wider. */
        @Override
        public int finish(Completion completion) {
            try {
                return passUnfinished(foreign.finish(answer.begin()), answer, completion);
            } catch (Throwable t) {
                return contain(t, completion);
            }
        }

        @Override
        public Snapshot save() {
            return asked(foreign::save);
        }

        @Override
        public void tap(NativeCommandListener listener) {
            contained(() -> foreign.tap(listener));
        }
    }

    private static final class ContainedHardware implements Hardware {
        private final Hardware foreign;

        private ContainedHardware(Hardware foreign) {
            this.foreign = foreign;
        }

        @Override
        public HardwareConfig config() {
            return asked(foreign::config);
        }

        @Override
        public long readRegister(long offset, int sizeBytes) {
            try {
                return foreign.readRegister(offset, sizeBytes);
            } catch (Throwable t) {
                throw Reasons.typed(t);
            }
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            try {
                foreign.writeRegister(offset, sizeBytes, value);
            } catch (Throwable t) {
                throw Reasons.typed(t);
            }
        }

        @Override
        public void call(NativeCall call) {
            contained(() -> foreign.call(call));
        }

        @Override
        public void translate(DmaAccess access) {
            // What a chip does not decide is not allowed.
            access.blocked();
            try {
                foreign.translate(access);
            } catch (Throwable t) {
                // Fail closed: a chip that breaks lets nothing through.
                access.blocked();
            }
        }

        @Override
        public void stepping(boolean on) {
            contained(() -> foreign.stepping(on));
        }

        @Override
        public int step(int commands) {
            return asked(() -> foreign.step(commands));
        }

        @Override
        public Snapshot save() {
            return asked(foreign::save);
        }

        @Override
        public void takeEvents(Consumer<byte[]> sink) {
            contained(() -> foreign.takeEvents(sink));
        }

        @Override
        public void visitCache(CacheVisitor visitor) {
            contained(() -> foreign.visitCache(visitor));
        }

        @Override
        public HardwareCounters counters() {
            return asked(foreign::counters);
        }
    }

    private static final class ContainedDecoder implements GuestDecoder {
        private final GuestDecoder foreign;

        private ContainedDecoder(GuestDecoder foreign) {
            this.foreign = foreign;
        }

        @Override
        public long readRegister(long offset, int sizeBytes) {
            try {
                return foreign.readRegister(offset, sizeBytes);
            } catch (Throwable t) {
                throw Reasons.typed(t);
            }
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value, GuestRequests sink) {
            contained(() -> foreign.writeRegister(offset, sizeBytes, value, sink));
        }

        @Override
        public void command(byte[] bytes, GuestRequests sink) {
            contained(() -> foreign.command(bytes, sink));
        }

        @Override
        public void call(NativeCall call, GuestRequests sink) {
            contained(() -> foreign.call(call, sink));
        }

        @Override
        public void deviceAccess(int requester, GuestRequests sink) {
            contained(() -> foreign.deviceAccess(requester, sink));
        }

        @Override
        public Snapshot save() {
            return asked(foreign::save);
        }

        @Override
        public String commandName(byte[] bytes) {
            return asked(() -> foreign.commandName(bytes));
        }
    }

    /** A compatibility handler; of one container, while one backend serves. */
    static final class Rewriter {
        private final Shim foreign;
        private final Completion answer = new Completion();

        private Rewriter(Shim foreign) {
            this.foreign = foreign;
        }

        /** As {@link Shim#rewrite}. */
        int rewrite(InvalidateRequest request, Completion completion) {
            try {
                return passUnfinished(foreign.rewrite(request, answer.begin()), answer, completion);
            } catch (Throwable t) {
                return contain(t, completion);
            }
        }
    }
}

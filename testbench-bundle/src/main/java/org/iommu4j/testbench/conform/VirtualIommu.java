package org.iommu4j.testbench.conform;

import java.util.List;
import java.util.SplittableRandom;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Fidelity;

/** A virtual IOMMU without the core: the model's own software brings it up, and every request that it makes succeeds. */
final class VirtualIommu {
    private VirtualIommu() {}

    /** A machine in whose memory a guest's tables may be. */
    static Platform machine(Subject subject, HardwareConfig config) {
        return subject.platforms()
                .create(new PlatformConfig(
                        subject.backend().bench().hostAddressWidth(config),
                        List.of(),
                        Trouble.lost(),
                        new Trouble().devices()))
                .forOwner(PageOwner.VIRTUAL_IOMMU);
    }

    /**
     * A virtual IOMMU that was brought up as far as it offers what the software asks for.
     *
     * @throws Check.NotCovered if the backend refuses to make one
     */
    static GuestDecoder broughtUp(Subject subject, HardwareConfig config, Platform platform) {
        Backend backend = subject.backend();
        GuestDecoder decoder;
        try {
            decoder = BareMachine.typed("making a virtual IOMMU", () -> backend.createGuestDecoder(config, platform));
        } catch (BackendException e) {
            throw new Check.NotCovered("a virtual IOMMU is refused: " + e.getMessage());
        }
        GuestRequests sink = new Agreeing();
        NativePort port = new NativePort() {
            @Override
            public Platform platform() {
                return platform;
            }

            @Override
            public long readRegister(long offset, int sizeBytes) {
                return decoder.readRegister(offset, sizeBytes);
            }

            @Override
            public void writeRegister(long offset, int sizeBytes, long value) {
                decoder.writeRegister(offset, sizeBytes, value, sink);
            }

            @Override
            public void call(NativeCall call) {
                decoder.call(call, sink);
            }
        };
        try {
            BareMachine.typed(
                    "bringing up a virtual IOMMU",
                    () -> backend.bench().fuzz().bringUp(config, port, new SplittableRandom(subject.seed())));
        } catch (BackendException e) {
            // A virtual IOMMU may offer less than the chip; what it has become until then is saved.
        }
        return decoder;
    }

    /** Answers every request of a virtual IOMMU with success. */
    private static final class Agreeing implements GuestRequests {
        private final Completion completion = new Completion();

        @Override
        public Completion request(int guestDomain, byte[] bytes) {
            completion.begin().done(Fidelity.EXACT);
            return completion;
        }

        @Override
        public void handled(String why) {
            // Nobody counts.
        }

        @Override
        public void refused(String reason) {
            // Nobody counts.
        }

        @Override
        public void move(int requester, int guestDomain) {
            // There are no containers.
        }
    }
}

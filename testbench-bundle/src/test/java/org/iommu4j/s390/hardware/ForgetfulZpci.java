package org.iommu4j.s390.hardware;

import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Platform;
import org.iommu4j.s390.command.ZpciCapabilities;

/** Units that keep what an instruction has to drop, for tests of what has to find that. */
public final class ForgetfulZpci {
    /** The fault of such a unit. */
    public enum Loss {
        /** RPCIT drops nothing that it finds unmapped. */
        UNMAPPED,
        /** RPCIT keeps a translation of a page that is mapped otherwise now. */
        CHANGED,
        /** RPCIT of one page keeps it. */
        PAGE,
        /** RPCIT drops another function's pages. */
        OTHER_FUNCTION,
        /** A registration, or the end of one, drops nothing. */
        FUNCTION
    }

    private ForgetfulZpci() {}

    /** A unit fresh from reset. */
    public static Hardware create(HardwareConfig config, Platform platform, Loss loss) {
        return SimulatedZpci.create(config, platform, (size, unit) -> new Caches(size, unit, loss));
    }

    private static final class Caches extends TranslationCaches {
        private static final int PAGE_SHIFT = 12;

        private final Loss loss;

        Caches(CacheConfig config, ZpciCapabilities unit, Loss loss) {
            super(config, unit);
            this.loss = loss;
        }

        @Override
        boolean replace(int function, long address, int shift, long frame, int rights) {
            boolean keeps = loss == Loss.CHANGED || (loss == Loss.PAGE && shift == PAGE_SHIFT);
            return (keeps && lookup(function, address) >= 0) || super.replace(function, address, shift, frame, rights);
        }

        @Override
        int dropPage(int function, long address) {
            boolean keeps = loss == Loss.PAGE || loss == Loss.UNMAPPED;
            return keeps ? 0 : super.dropPage(loss == Loss.OTHER_FUNCTION ? function + 1 : function, address);
        }

        @Override
        int dropRange(int function, long first, long last) {
            return loss == Loss.UNMAPPED
                    ? 0
                    : super.dropRange(loss == Loss.OTHER_FUNCTION ? function + 1 : function, first, last);
        }

        @Override
        int dropFunction(int function) {
            return loss == Loss.FUNCTION ? 0 : super.dropFunction(function);
        }
    }
}

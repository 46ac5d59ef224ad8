package org.iommu4j.testbench.fuzz;

import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Translator;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.testing.ForwardingBackend;

/** A vendor's bundle with one thing broken. */
public class BrokenBackend extends ForwardingBackend {
    /** VT-d's bundle. */
    public BrokenBackend() {
        this(new VtdBackend());
    }

    /** Any vendor's bundle. */
    public BrokenBackend(Backend backend) {
        super(backend);
    }

    /** VT-d's bundle whose chips are changed. */
    public static Backend withChip(UnaryOperator<Hardware> change) {
        return withChip(new VtdBackend(), change);
    }

    /** A bundle whose chips are changed. */
    public static Backend withChip(Backend backend, UnaryOperator<Hardware> change) {
        return new BrokenBackend(backend) {
            @Override
            public Hardware createHardware(HardwareConfig config, Platform platform) {
                return change.apply(super.createHardware(config, platform));
            }
        };
    }

    /** A bundle whose chips are others, made in place of its own. */
    public static Backend withChips(Backend backend, BiFunction<HardwareConfig, Platform, Hardware> make) {
        return new BrokenBackend(backend) {
            @Override
            public Hardware createHardware(HardwareConfig config, Platform platform) {
                return make.apply(config, platform);
            }
        };
    }

    /** VT-d's bundle whose drivers are changed. */
    public static Backend withDriver(BiFunction<Translator, NativePort, Translator> change) {
        return withDriver(new VtdBackend(), change);
    }

    /** A bundle whose drivers are changed. */
    public static Backend withDriver(Backend backend, BiFunction<Translator, NativePort, Translator> change) {
        return new BrokenBackend(backend) {
            @Override
            public Translator createTranslator(int subVersion, NativePort port) {
                return change.apply(super.createTranslator(subVersion, port), port);
            }
        };
    }
}

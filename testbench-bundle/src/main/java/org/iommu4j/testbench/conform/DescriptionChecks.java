package org.iommu4j.testbench.conform;

import static org.iommu4j.testbench.conform.Check.expect;

import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Setting;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.service.Progress;
import org.iommu4j.layout.Layout;

/** Checks the description of a backend, and that its chips and drivers agree with it. */
final class DescriptionChecks {
    private static final Pattern VERSION = Pattern.compile("(\\d+\\.\\d+\\.\\d+).*");
    private static final int MOST_PASID_BITS = 20;
    private static final int UNKNOWN_GENERATION = 0x7fff_fffe;
    private static final String NO_SETTING = "conform-no-such-capability";

    private final Subject subject;
    private final BundleFile file;

    DescriptionChecks(Subject subject, BundleFile file) {
        this.subject = subject;
        this.file = file;
    }

    /** Names, versions and ranges of numbers. */
    String self(Progress progress) {
        BackendDescription description = subject.description();
        Matcher version = VERSION.matcher(file.version());
        expect(!description.name().isBlank(), "it has no name for people");
        expect(
                version.matches() && version.group(1).equals(description.version()),
                "it calls itself version '" + description.version() + "', its manifest says '" + file.version() + "'");
        List<Generation> generations = description.generations();
        expect(!generations.isEmpty(), "it has no generation");
        for (int i = 0; i < generations.size(); i++) {
            Generation generation = generations.get(i);
            String name = "generation " + Generation.text(generation.subVersion());
            expect(
                    i == 0 || Integer.compareUnsigned(generations.get(i - 1).subVersion(), generation.subVersion()) < 0,
                    name + " does not stand behind older ones only");
            expectNumbers(name, generation);
        }
        return description.name() + ", " + generations.size() + " generations, state version "
                + description.stateWritten();
    }

    private void expectNumbers(String name, Generation generation) {
        expect(
                generation.hostAddressWidth() >= BenchSupport.LEAST_HOST_ADDRESS_WIDTH
                        && generation.hostAddressWidth() <= BenchSupport.MOST_HOST_ADDRESS_WIDTH,
                name + " has " + generation.hostAddressWidth() + " address bits");
        expect(
                generation.pasidBits() >= 0 && generation.pasidBits() <= MOST_PASID_BITS,
                name + " has PASIDs of " + generation.pasidBits() + " bits");
        expect(
                generation.granuleShift() >= 0 && generation.granuleShift() < Long.SIZE,
                name + " has a smallest range of 2^" + generation.granuleShift() + " bytes");
        expect(!generation.payloadLengths().isEmpty(), name + " has no legal length of a vendor part");
        for (Layout layout : subject.backend().payloads(generation.subVersion())) {
            expect(
                    generation.acceptsPayload(layout.sizeBytes()),
                    name + " has the vendor part " + layout + " of " + layout.sizeBytes()
                            + " bytes, which is no length that it takes");
        }
    }

    /** Each generation can be had, and no other. */
    String generations(Progress progress) {
        String seen = subject.ofEach(generation -> {
            progress.again();
            HardwareConfig config = HardwareConfig.of(generation.subVersion());
            try {
                BareMachine machine = new BareMachine(subject, config, new Trouble());
                expect(
                        machine.chip().config().subVersion() == generation.subVersion(),
                        "its chip says that it is of generation "
                                + Generation.text(machine.chip().config().subVersion()));
            } catch (BackendException e) {
                throw new Check.Unmet("a default chip with a driver is refused: " + e.getMessage(), e);
            }
            return "";
        });
        expectRefused(HardwareConfig.of(UNKNOWN_GENERATION), Errno.EPROTONOSUPPORT, "a generation that does not exist");
        return seen;
    }

    /** Checks that a configuration with unknown or illegal settings is refused. */
    String settings(Progress progress) {
        int subVersion = subject.description().generations().get(0).subVersion();
        HardwareConfig plain = HardwareConfig.of(subVersion);
        expectRefused(
                new HardwareConfig(subVersion, Map.of(), Map.of(), plain.cache(), Map.of(NO_SETTING, "on")),
                Errno.EINVAL,
                "a switch that does not exist");
        expectRefused(
                new HardwareConfig(subVersion, Map.of(), Map.of(NO_SETTING, 1L), plain.cache(), Map.of()),
                Errno.EINVAL,
                "a register that does not exist");
        List<Setting> settings = subject.backend().settings();
        for (Setting setting : settings) {
            expect(
                    !setting.about().isBlank() && !setting.values().isBlank(),
                    "setting '" + setting.name() + "' does not say what it is or which values it has");
        }
        return settings.size() + " settings";
    }

    private void expectRefused(HardwareConfig config, Errno errno, String what) {
        try {
            subject.backend()
                    .createHardware(
                            config,
                            subject.platforms()
                                    .create(new PlatformConfig(
                                            BenchSupport.MOST_HOST_ADDRESS_WIDTH,
                                            List.of(),
                                            Trouble.lost(),
                                            new Trouble().devices())));
        } catch (BackendException e) {
            expect(
                    e.errno() == errno,
                    what + " is refused as " + e.errno() + " (" + e.getMessage() + "), not " + errno);
            return;
        }
        throw new Check.Unmet("a chip of " + what + " is made");
    }
}

package org.iommu4j.testbench.fuzz;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.hardware.ForgetfulAmdVi;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.hardware.ForgetfulSmmu;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.intel.hardware.ForgetfulVtd;
import org.iommu4j.intel.hardware.ForgetfulVtd.Loss;
import org.iommu4j.layout.BitField;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.s390.command.FunctionControl;
import org.iommu4j.s390.command.RequestRegister;
import org.iommu4j.s390.command.ZpciInstruction;
import org.iommu4j.s390.hardware.ForgetfulZpci;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprRegisters.TceKill;
import org.iommu4j.spapr.hardware.ForgetfulPhb;
import org.iommu4j.testbench.FuzzOptions;
import org.iommu4j.testbench.FuzzOptions.What;
import org.iommu4j.testbench.FuzzResult;
import org.iommu4j.testing.ForwardingHardware;
import org.iommu4j.testing.ForwardingTranslator;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The fuzzer finds a chip or a driver that does one thing wrong within some cases. */
class PlantedFaultsTest {
    /** A case must fail a second time; how small it gets is the matter of {@link FuzzerTest}. */
    private static final int SHRINK_RUNS = 1;

    private static final long SEED = 3;

    private static final long PAGE = 4096;

    private static Backend vtd(Loss loss) {
        return BrokenBackend.withChips(
                new VtdBackend(), (config, platform) -> ForgetfulVtd.create(config, platform, loss));
    }

    private static Backend smmu(ForgetfulSmmu.Loss loss) {
        return BrokenBackend.withChips(
                new SmmuBackend(), (config, platform) -> ForgetfulSmmu.create(config, platform, loss));
    }

    private static Backend amdVi(ForgetfulAmdVi.Loss loss) {
        return BrokenBackend.withChips(
                new AmdViBackend(), (config, platform) -> ForgetfulAmdVi.create(config, platform, loss));
    }

    private static Backend zpci(ForgetfulZpci.Loss loss) {
        return BrokenBackend.withChips(
                new ZpciBackend(), (config, platform) -> ForgetfulZpci.create(config, platform, loss));
    }

    private static Backend spapr(ForgetfulPhb.Loss loss) {
        return BrokenBackend.withChips(
                new SpaprBackend(), (config, platform) -> ForgetfulPhb.create(config, platform, loss));
    }

    /** A chip that says of some calls that they are done, and does nothing. */
    private static Backend withoutCall(Backend backend, Predicate<NativeCall> lost) {
        return BrokenBackend.withChip(backend, chip -> new ForwardingHardware(chip) {
            @Override
            public void call(NativeCall call) {
                if (lost.test(call)) {
                    call.result(0);
                } else {
                    super.call(call);
                }
            }
        });
    }

    private static Predicate<NativeCall> function(int number) {
        return call -> call.function() == number;
    }

    private static Predicate<NativeCall> control(int operation) {
        return call -> call.function() == ZpciInstruction.MPCIFC
                && RequestRegister.OPERATION.getInt(call.word(ZpciInstruction.R1)) == operation;
    }

    /** A chip that loses writes of its kill register with a bit. */
    private static Backend withoutKill(Backend backend, BitField bit) {
        return BrokenBackend.withChip(backend, chip -> new ForwardingHardware(chip) {
            @Override
            public void writeRegister(long offset, int sizeBytes, long value) {
                if (offset != TceKill.REGISTER.offset() || !bit.isSet(value)) {
                    super.writeRegister(offset, sizeBytes, value);
                }
            }
        });
    }

    /** A chip whose accesses come to something else. */
    private static Backend access(Backend backend, Consumer<DmaAccess> change) {
        return BrokenBackend.withChip(backend, chip -> new ForwardingHardware(chip) {
            @Override
            public void translate(DmaAccess access) {
                super.translate(access);
                change.accept(access);
            }
        });
    }

    private static Consumer<DmaAccess> letsThrough(int fault) {
        return access -> {
            if (access.outcome() == DmaAccess.Outcome.FAULT && access.faultCode() == fault) {
                access.translated(access.iova(), PAGE, DmaAccess.READ | DmaAccess.WRITE, false);
            }
        };
    }

    /** Accesses of these rights alone. */
    private static Consumer<DmaAccess> only(int rights, Consumer<DmaAccess> change) {
        return access -> {
            if (access.rights() == rights) {
                change.accept(access);
            }
        };
    }

    private static Consumer<DmaAccess> renames(int fault, int other) {
        return access -> {
            if (access.outcome() == DmaAccess.Outcome.FAULT && access.faultCode() == fault) {
                access.fault(other, true);
            }
        };
    }

    /** A driver that says of an unbind that it is done, and does nothing. */
    private static Backend withoutUnbind(Backend backend) {
        return BrokenBackend.withDriver(backend, (driver, port) -> new ForwardingTranslator(driver) {
            @Override
            public int bind(int domain, BindRequest request, Completion completion) {
                return request.unbinds() ? completion.done(Fidelity.EXACT) : super.bind(domain, request, completion);
            }
        });
    }

    /** A driver that says of a detached device that it is blocked, and does nothing. */
    private static Backend withoutDetach(Backend backend) {
        return BrokenBackend.withDriver(backend, (driver, port) -> new ForwardingTranslator(driver) {
            @Override
            public int detach(int domain, int requester, Completion completion) {
                return completion.done(Fidelity.EXACT);
            }
        });
    }

    /** A driver whose commands of some kind do not reach the chip. */
    private static Backend withPort(Backend backend, UnaryOperator<NativePort> lossy) {
        return new BrokenBackend(backend) {
            @Override
            public Translator createTranslator(int subVersion, NativePort port) {
                return super.createTranslator(subVersion, lossy.apply(port));
            }
        };
    }

    private static Backend withoutCommand(Backend backend, SmmuCommand lost) {
        return withPort(backend, port -> LossyPort.without(lost, port));
    }

    private static Backend withoutCommand(Backend backend, AmdViCommand lost) {
        return withPort(backend, port -> LossyPort.without(lost, port));
    }

    /** A driver that says that it is done, whatever the chip says. */
    private static Backend withoutErrors(Backend backend) {
        return BrokenBackend.withDriver(backend, (driver, port) -> new ForwardingTranslator(driver) {
            @Override
            public int invalidate(int domain, InvalidateRequest request, Completion completion) {
                int code = super.invalidate(domain, request, completion);
                return completion.errno() == Errno.EIO ? completion.begin().done(Fidelity.EXACT) : code;
            }
        });
    }

    /** Frames are as large as an entry says, but for one bit. */
    private static Consumer<DmaAccess> losesBit(int bit) {
        return access -> {
            if (access.outcome() == DmaAccess.Outcome.TRANSLATED && access.pageBytes() > PAGE) {
                access.translated(access.spa() & ~(1L << bit), access.pageBytes(), access.rights(), false);
            }
        };
    }

    private static Arguments fault(String name, Backend backend, What what, int cases) {
        return arguments(name, backend, what, cases);
    }

    static Stream<Arguments> faults() {
        Backend vtd = new VtdBackend();
        List<Arguments> faults = new ArrayList<>();
        EnumSet<Loss> ofBareChips =
                EnumSet.of(Loss.PAGES, Loss.OTHER_DOMAIN, Loss.TRANSLATIONS, Loss.CONTEXTS_OF_DOMAIN, Loss.CONTEXTS);
        // What is kept of nested tables alone is found by ForgottenMemoryTest.
        EnumSet.complementOf(EnumSet.of(Loss.NESTED))
                .forEach(loss -> faults.add(fault(
                        "VT-d keeps " + loss, vtd(loss), ofBareChips.contains(loss) ? What.ALL : What.CONTRACT, 200)));
        faults.add(fault("VT-d lets writes through", access(vtd, letsThrough(5)), What.TABLES, 100));
        faults.add(fault("VT-d lets reads through", access(vtd, letsThrough(6)), What.TABLES, 100));
        faults.add(fault("VT-d goes beyond the width", access(vtd, letsThrough(4)), What.TABLES, 100));
        faults.add(fault("VT-d does not see reserved bits", access(vtd, letsThrough(0xc)), What.TABLES, 600));
        faults.add(fault("VT-d lets blocked types through", access(vtd, letsThrough(0xd)), What.TABLES, 100));
        faults.add(fault("VT-d confuses fault codes", access(vtd, renames(0xb, 0xa)), What.TABLES, 600));
        faults.add(fault("VT-d masks superpages wrongly", access(vtd, losesBit(20)), What.TABLES, 200));
        faults.add(fault("VT-d masks superpages to 4 KiB", access(vtd, losesBit(12)), What.TABLES, 200));
        faults.add(fault("VT-d driver does not unbind", withoutUnbind(vtd), What.CONTRACT, 100));
        faults.add(fault("VT-d driver does not detach", withoutDetach(vtd), What.CONTRACT, 100));
        Backend smmu = new SmmuBackend();
        for (ForgetfulSmmu.Loss loss : ForgetfulSmmu.Loss.values()) {
            // A driver has no streams of EL2.
            What what = loss.name().startsWith("EL2") ? What.COMMANDS : What.ALL;
            faults.add(fault("SMMU keeps " + loss, smmu(loss), what, 200));
        }
        for (SmmuCommand command : List.of(
                SmmuCommand.TLBI_NH_VA,
                SmmuCommand.TLBI_NH_VAA,
                SmmuCommand.TLBI_NH_ASID,
                SmmuCommand.TLBI_NH_ALL,
                SmmuCommand.TLBI_S12_VMALL,
                SmmuCommand.TLBI_S2_IPA,
                SmmuCommand.ATC_INV,
                SmmuCommand.CFGI_STE,
                SmmuCommand.CFGI_CD)) {
            faults.add(fault("SMMU driver loses " + command, withoutCommand(smmu, command), What.CONTRACT, 200));
        }
        faults.add(fault("SMMU does not see permissions", access(smmu, letsThrough(0x13)), What.TABLES, 200));
        faults.add(fault("SMMU does not see the access flag", access(smmu, letsThrough(0x12)), What.TABLES, 200));
        faults.add(fault("SMMU maps what is not there", access(smmu, letsThrough(0x10)), What.TABLES, 100));
        faults.add(fault("SMMU goes beyond the output size", access(smmu, letsThrough(0x11)), What.TABLES, 600));
        faults.add(fault("SMMU takes every SubstreamID", access(smmu, letsThrough(8)), What.TABLES, 200));
        faults.add(fault("SMMU confuses fault codes", access(smmu, renames(0x10, 0x12)), What.TABLES, 200));
        faults.add(fault("SMMU masks large pages to 4 KiB", access(smmu, losesBit(12)), What.TABLES, 200));
        faults.add(fault("SMMU driver does not unbind", withoutUnbind(smmu), What.CONTRACT, 100));
        faults.add(fault("SMMU driver does not detach", withoutDetach(smmu), What.CONTRACT, 100));
        Backend amdVi = new AmdViBackend();
        for (ForgetfulAmdVi.Loss loss : ForgetfulAmdVi.Loss.values()) {
            faults.add(fault("AMD-Vi keeps " + loss, amdVi(loss), What.ALL, 200));
        }
        // Of interrupt tables nothing is cached. What the driver drops with INVALIDATE_IOMMU_ALL, for PASIDs that it
        // does not know,
        // such a chip has dropped with the command for host tables before.
        for (AmdViCommand command : List.of(
                AmdViCommand.INVALIDATE_DEVTAB_ENTRY,
                AmdViCommand.INVALIDATE_IOMMU_PAGES,
                AmdViCommand.INVALIDATE_IOTLB_PAGES)) {
            faults.add(fault("AMD-Vi driver loses " + command, withoutCommand(amdVi, command), What.CONTRACT, 200));
        }
        int write = DmaAccess.WRITE;
        int read = DmaAccess.READ;
        faults.add(fault("AMD-Vi lets writes through", access(amdVi, only(write, letsThrough(2))), What.TABLES, 100));
        faults.add(fault("AMD-Vi lets reads through", access(amdVi, only(read, letsThrough(2))), What.TABLES, 100));
        faults.add(fault("AMD-Vi takes illegal entries", access(amdVi, letsThrough(1)), What.TABLES, 200));
        faults.add(fault("AMD-Vi confuses event codes", access(amdVi, renames(2, 8)), What.TABLES, 100));
        faults.add(fault("AMD-Vi masks large pages to 4 KiB", access(amdVi, losesBit(12)), What.TABLES, 200));
        faults.add(fault("AMD-Vi driver does not unbind", withoutUnbind(amdVi), What.CONTRACT, 100));
        faults.add(fault("AMD-Vi driver does not detach", withoutDetach(amdVi), What.CONTRACT, 100));
        Backend zpci = new ZpciBackend();
        faults.add(fault("zPCI lets writes through", access(zpci, letsThrough(5)), What.TABLES, 100));
        faults.add(fault("zPCI does not see protected spaces", access(zpci, letsThrough(4)), What.ALL, 600));
        faults.add(fault("zPCI leaves the aperture", access(zpci, letsThrough(2)), What.TABLES, 100));
        faults.add(fault("zPCI confuses fault codes", access(zpci, renames(2, 7)), What.TABLES, 100));
        faults.add(fault("zPCI driver hides that a refresh failed", withoutErrors(zpci), What.CONTRACT, 200));
        faults.add(fault("zPCI driver does not unbind", withoutUnbind(zpci), What.CONTRACT, 100));
        faults.add(fault("zPCI driver does not detach", withoutDetach(zpci), What.CONTRACT, 100));
        for (ForgetfulZpci.Loss loss : ForgetfulZpci.Loss.values()) {
            faults.add(fault("zPCI keeps " + loss, zpci(loss), What.ALL, 200));
        }
        faults.add(fault("zPCI loses RPCIT", withoutCall(zpci, function(ZpciInstruction.RPCIT)), What.ALL, 200));
        for (int operation : List.of(
                FunctionControl.REGISTER_IOAT,
                FunctionControl.UNREGISTER_IOAT,
                FunctionControl.REREGISTER_IOAT,
                FunctionControl.RESET_ERROR)) {
            faults.add(fault("zPCI loses MPCIFC " + operation, withoutCall(zpci, control(operation)), What.ALL, 200));
        }
        faults.add(fault(
                "zPCI driver loses RPCIT",
                withPort(zpci, port -> LossyPort.withoutCalls(function(ZpciInstruction.RPCIT), port)),
                What.CONTRACT,
                200));
        Backend spapr = new SpaprBackend();
        faults.add(fault(
                "sPAPR driver loses what it stores again",
                withPort(
                        spapr,
                        port -> LossyPort.withoutCalls(
                                call -> call.function() == SpaprCall.H_PUT_TCE
                                        || call.function() == SpaprCall.H_PUT_TCE_INDIRECT,
                                port)),
                What.CONTRACT,
                200));
        for (ForgetfulPhb.Loss loss : ForgetfulPhb.Loss.values()) {
            faults.add(fault("sPAPR keeps " + loss, spapr(loss), What.ALL, 200));
        }
        for (int call : List.of(
                SpaprCall.H_PUT_TCE, SpaprCall.H_STUFF_TCE, SpaprCall.H_PUT_TCE_INDIRECT, SpaprCall.H_SET_TCE_TABLE)) {
            faults.add(fault("sPAPR loses call " + call, withoutCall(spapr, function(call)), What.ALL, 200));
        }
        for (BitField kill : List.of(TceKill.ONE, TceKill.PE, TceKill.ALL)) {
            faults.add(fault("sPAPR loses kill " + kill.name(), withoutKill(spapr, kill), What.ALL, 200));
        }
        faults.add(fault("sPAPR driver does not unbind", withoutUnbind(spapr), What.CONTRACT, 200));
        faults.add(fault("sPAPR driver does not detach", withoutDetach(spapr), What.CONTRACT, 200));
        return faults.stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("faults")
    void shouldFindIt(String name, Backend broken, What what, int cases) {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(broken);
            FuzzOptions options = FuzzOptions.of(broken.describe().model(), SEED, Long.MAX_VALUE)
                    .with(what)
                    .withCases(0, cases);
            FuzzResult result = new Fuzzer(core, SHRINK_RUNS).run(options, progress -> {});
            assertNotNull(result.failure(), result::toText);
            expectNothing(
                    whole(broken.describe().model()),
                    options.withCases(result.failure().caseNumber(), 1));
        }
    }

    /** It is the fault that was found: the vendor's own bundle passes the same case. */
    private static void expectNothing(Backend whole, FuzzOptions options) {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(whole);
            FuzzResult result = new Fuzzer(core, SHRINK_RUNS).run(options, progress -> {});
            assertNull(result.failure(), result::toText);
        }
    }

    private static Backend whole(IommuModel model) {
        return switch (model) {
            case INTEL -> new VtdBackend();
            case ARM_SMMU -> new SmmuBackend();
            case AMD -> new AmdViBackend();
            case SPAPR -> new SpaprBackend();
            case S390 -> new ZpciBackend();
        };
    }
}

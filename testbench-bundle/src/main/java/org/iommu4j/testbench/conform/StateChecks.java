package org.iommu4j.testbench.conform;

import static org.iommu4j.testbench.conform.Check.expect;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.service.Progress;
import org.iommu4j.layout.Register;
import org.osgi.framework.Version;

/** Checks that chips, drivers and virtual IOMMUs of every generation go on from the states that they saved. */
final class StateChecks {
    private static final int DAMAGES = 48;

    private final Subject subject;
    private final Backend backend;

    StateChecks(Subject subject) {
        this.subject = subject;
        backend = subject.backend();
    }

    /** Registers, accesses and bytes. */
    String chip(Progress progress) {
        return subject.ofEach(generation -> {
            progress.again();
            BareMachine machine = machine(generation);
            Workload work = Workload.started(machine, subject, Subject.chip(generation));
            long[] before = registers(machine, generation);
            Snapshot saved = machine.saveChip();
            restored("a saved chip", () -> machine.restoreChip(saved));
            expectSame("chip", saved, machine.saveChip());
            long[] after = registers(machine, generation);
            int at = Arrays.mismatch(before, after);
            expect(
                    at < 0,
                    () -> "register "
                            + backend.registers(generation.subVersion()).get(at).name() + " is 0x"
                            + Long.toHexString(after[at]) + " after restoring, before 0x"
                            + Long.toHexString(before[at]));
            work.expectAll("after restoring the chip");
            return work.witnesses().size() + " accesses, " + before.length + " registers";
        });
    }

    private long[] registers(BareMachine machine, Generation generation) {
        FuzzSupport fuzz = backend.bench().fuzz();
        return backend.registers(generation.subVersion()).stream()
                .mapToLong(
                        register -> fuzz.isReadFree(register) ? machine.port().read(register) : 0)
                .toArray();
    }

    /** Books and bytes, and nothing that is written on the way. */
    String driver(Progress progress) {
        return subject.ofEach(generation -> {
            progress.again();
            Trouble host = new Trouble();
            BareMachine machine = new BareMachine(subject, Subject.chip(generation), host);
            Workload work = Workload.started(machine, subject, Subject.chip(generation));
            Snapshot saved = machine.saveDriver();
            int writes = host.writes();
            restored("a saved driver", () -> machine.restoreDriver(saved));
            expect(
                    host.writes() == writes,
                    "restoring a driver writes to its chip " + (host.writes() - writes) + " times");
            expectSame("driver", saved, machine.saveDriver());
            work.expectAll("after restoring the driver");
            Completion all = machine.invalidate(0, 0, 0, 0, 0, new byte[0]);
            expect(
                    all.errno() == Errno.OK || work.witnesses().isEmpty(),
                    "the restored driver answers an invalidation of its domain " + all);
            work.unbind();
            for (Completion answer : work.detach()) {
                expect(answer.errno() == Errno.OK, "the restored driver cannot remove a device: " + answer);
            }
            work.expectNone("after the restored driver removed its device");
            return work.witnesses().size() + " accesses";
        });
    }

    /** A virtual IOMMU that the model's own software has brought up. */
    String guest(Progress progress) {
        return subject.ofEach(generation -> {
            progress.again();
            HardwareConfig config = HardwareConfig.of(generation.subVersion());
            Platform platform = VirtualIommu.machine(subject, config);
            GuestDecoder decoder = VirtualIommu.broughtUp(subject, config, platform);
            Snapshot saved = decoder.save();
            expect(saved.kind() == Snapshot.Kind.GUEST, "a virtual IOMMU saves " + saved);
            GuestDecoder[] again = new GuestDecoder[1];
            restored("a saved virtual IOMMU", () -> again[0] = backend.restoreGuestDecoder(saved, platform));
            expectSame("virtual IOMMU", saved, again[0].save());
            for (Register register : backend.registers(generation.subVersion())) {
                if (backend.bench().fuzz().isReadFree(register)) {
                    long before = decoder.readRegister(register.offset(), register.widthBytes());
                    long after = again[0].readRegister(register.offset(), register.widthBytes());
                    expect(
                            before == after,
                            "register " + register.name() + " of the virtual IOMMU is 0x" + Long.toHexString(after)
                                    + " after restoring, before 0x" + Long.toHexString(before));
                }
            }
            return saved.bytes().length + " bytes";
        });
    }

    /**
     * States of earlier releases of the same bundle: restored and saved again they are the same bytes, or those of a
     * difference that was looked at.
     */
    String released(List<Fixtures> fixtures, Version version, Progress progress) {
        List<Fixtures> earlier = fixtures.stream()
                .filter(release -> release.version().compareTo(version) <= 0)
                .sorted(Comparator.comparing(Fixtures::version))
                .toList();
        if (earlier.isEmpty()) {
            throw new Check.NotCovered("there are no fixtures of a release up to it; --fixtures names their folder");
        }
        int states = 0;
        for (Fixtures release : earlier) {
            Map<Integer, byte[]> reviewed = release.reviewed();
            BareMachine machine = null;
            int subVersion = 0;
            for (Fixtures.State state : release.states(subject.model())) {
                progress.again();
                String name = "line " + state.line() + " of release " + release.version() + ", " + state.snapshot()
                        + " of generation " + Generation.text(state.subVersion());
                Generation generation = subject.description().generation(state.subVersion());
                expect(generation != null, name + ": it has no such generation any more");
                if (machine == null || subVersion != state.subVersion()) {
                    machine = machine(generation);
                    subVersion = state.subVersion();
                }
                Snapshot again = restoredAndSaved(name, machine, state.snapshot());
                byte[] expected =
                        reviewed.getOrDefault(state.line(), state.snapshot().bytes());
                expect(
                        Arrays.equals(expected, again.bytes()),
                        () -> name + " is another after restoring, from byte "
                                + Arrays.mismatch(expected, again.bytes()) + " of " + expected.length + " on");
                states++;
            }
        }
        return states + " states of "
                + String.join(
                        ", ",
                        earlier.stream()
                                .map(release -> release.version().toString())
                                .toList());
    }

    private Snapshot restoredAndSaved(String name, BareMachine machine, Snapshot state) {
        Snapshot[] saved = new Snapshot[1];
        restored(name, () -> {
            switch (state.kind()) {
                case HARDWARE -> {
                    machine.restoreChip(state);
                    saved[0] = machine.saveChip();
                }
                case TRANSLATOR -> {
                    machine.restoreDriver(state);
                    saved[0] = machine.saveDriver();
                }
                case GUEST -> {
                    Platform memory =
                            VirtualIommu.machine(subject, machine.chip().config());
                    saved[0] = BareMachine.typed(
                            name,
                            () -> backend.restoreGuestDecoder(state, memory).save());
                }
            }
        });
        return saved[0];
    }

    /** States that are cut, longer, or have a bit turned. */
    String damaged(Progress progress) {
        return subject.ofEach(generation -> {
            BareMachine machine = machine(generation);
            Workload.started(machine, subject, Subject.chip(generation));
            Snapshot chip = machine.saveChip();
            Snapshot driver = machine.saveDriver();
            SplittableRandom random = new SplittableRandom(subject.seed());
            for (int i = 0; i < DAMAGES; i++) {
                progress.again();
                refusedOrRead(damaged(chip, random, i), machine::restoreChip);
                refusedOrRead(damaged(driver, random, i), machine::restoreDriver);
            }
            return 2 * DAMAGES + " states";
        });
    }

    private static Snapshot damaged(Snapshot state, SplittableRandom random, int number) {
        byte[] bytes = state.bytes();
        if (bytes.length == 0 || number % 4 == 0) {
            bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length + Long.BYTES));
        } else {
            bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(Byte.SIZE));
        }
        return new Snapshot(state.model(), state.kind(), state.version(), bytes);
    }

    private static void refusedOrRead(Snapshot state, Consumer<Snapshot> restore) {
        try {
            restore.accept(state);
        } catch (BackendException e) {
            expect(
                    e.errno() != Errno.EIO,
                    "a damaged state (" + state + ") is no refusal but breaks the reader: " + e.getMessage());
        } catch (Check.Unmet e) {
            throw new Check.Unmet("a damaged state (" + state + "): " + e.getMessage(), e);
        }
    }

    /** Versions beyond those that it says that it reads. */
    String unknown(Progress progress) {
        BackendDescription description = subject.description();
        Generation generation = description.generations().get(0);
        BareMachine machine = machine(generation);
        Snapshot chip = machine.saveChip();
        Snapshot driver = machine.saveDriver();
        for (int version : new int[] {description.stateWritten() + 1, description.stateOldestRead() - 1}) {
            expectUnknown(new Snapshot(chip.model(), chip.kind(), version, chip.bytes()), machine::restoreChip);
            expectUnknown(new Snapshot(driver.model(), driver.kind(), version, driver.bytes()), machine::restoreDriver);
        }
        return "versions " + (description.stateOldestRead() - 1) + " and " + (description.stateWritten() + 1);
    }

    private static void expectUnknown(Snapshot state, Consumer<Snapshot> restore) {
        try {
            restore.accept(state);
        } catch (BackendException e) {
            // The bytes themselves may say another version than the number beside them: then they are damaged.
            expect(
                    e.errno() == Errno.EPROTONOSUPPORT || e.errno() == Errno.EINVAL,
                    state + " is refused as " + e.errno() + " (" + e.getMessage() + "), not EPROTONOSUPPORT or EINVAL");
            return;
        }
        throw new Check.Unmet(state + " is restored, and nobody said what is in it");
    }

    private BareMachine machine(Generation generation) {
        return new BareMachine(subject, Subject.chip(generation), new Trouble());
    }

    private static void restored(String what, Runnable restore) {
        try {
            restore.run();
        } catch (BackendException e) {
            throw new Check.Unmet(what + " cannot be restored: " + e.getMessage(), e);
        }
    }

    private static void expectSame(String what, Snapshot saved, Snapshot again) {
        expect(
                saved.equals(again),
                () -> "the state of a " + what + " is another after restoring, from byte "
                        + Arrays.mismatch(saved.bytes(), again.bytes()) + " of " + saved.bytes().length + " on");
    }
}

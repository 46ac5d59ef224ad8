package org.iommu4j.testbench.conform;

import static org.iommu4j.testbench.conform.Check.expect;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.service.Progress;

/** A host that does not give what it should. Whatever it does, a driver answers by a typed error and in time. */
final class HostChecks {
    /** Allocations from which on all are refused, spread over the life of a domain. */
    private static final int REFUSED_ALLOCATIONS = 12;

    /** Uses of the port that fail one by one, spread over the life of a domain. */
    private static final int FAILING_USES = 48;

    private static final int ROUNDS = 3;
    private static final int PAGE = 4096;

    private final Subject subject;

    HostChecks(Subject subject) {
        this.subject = subject;
    }

    /** Allocations are refused, from one on that moves through the life of a domain. */
    String memory(Progress progress) {
        return subject.ofEach(generation -> {
            Trouble healthy = new Trouble();
            Workload first = Workload.prepare(machine(generation, healthy), subject, Subject.chip(generation));
            first.start();
            int usually = first.witnesses().size();
            int allocations = healthy.allocations();
            if (allocations == 0) {
                throw new Check.NotCovered("neither chip nor driver takes pages of the host");
            }
            int step = (allocations + REFUSED_ALLOCATIONS - 1) / REFUSED_ALLOCATIONS;
            int tried = 0;
            for (int number = 0; number < allocations; number += step) {
                progress.again();
                refused(generation, number, usually);
                tried++;
            }
            return tried + " of " + allocations + " allocations";
        });
    }

    private void refused(Generation generation, int number, int usually) {
        Trouble host = new Trouble();
        host.refuseMemory(number);
        BareMachine machine;
        try {
            machine = machine(generation, host);
        } catch (BackendException e) {
            expect(host.happened(), "chip or driver are refused although there is memory: " + e.getMessage());
            return;
        }
        Workload work = Workload.prepare(machine, subject, Subject.chip(generation));
        try {
            work.life();
        } catch (Check.Unmet e) {
            throw new Check.Unmet("with memory for " + number + " allocations only: " + e.getMessage(), e);
        }
        host.end();
        Completion opened = machine.openDomain();
        expect(
                opened.errno() == Errno.OK,
                "after allocation " + number + " was refused and there is memory again, a domain is refused: "
                        + opened);
        work.start();
        expect(
                work.witnesses().size() == usually,
                "after allocation " + number + " was refused and there is memory again, "
                        + work.witnesses().size() + " accesses come through, else " + usually);
    }

    private BareMachine machine(Generation generation, Trouble host) {
        return new BareMachine(subject, Subject.chip(generation), host);
    }

    /** The chip's messages are set up and go nowhere. */
    String interrupts(Progress progress) {
        return subject.ofEach(generation -> {
            progress.again();
            BareMachine machine = machine(generation, new Trouble());
            BareMachine.typed("setting up interrupts", () -> {
                subject.backend().bench().enableInterrupts(machine.port());
                return null;
            });
            Workload work = Workload.started(machine, subject, Subject.chip(generation));
            Completion all = machine.invalidate(0, 0, 0, 0, 0, new byte[0]);
            expect(
                    all.errno() == Errno.OK || work.witnesses().isEmpty(),
                    "an invalidation of the domain is answered " + all);
            work.expectAll("without interrupts");
            return work.witnesses().size() + " accesses";
        });
    }

    /** No device with a TLB of its own answers. */
    String timeOuts(Progress progress) {
        return subject.ofEach(generation -> {
            progress.again();
            Trouble host = new Trouble();
            BareMachine machine = machine(generation, host);
            Workload work = Workload.started(machine, subject, Subject.chip(generation));
            host.deafDevices();
            for (Workload.Witness witness : work.witnesses()) {
                progress.again();
                machine.invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, witness.iova() & -PAGE, PAGE, new byte[0]);
                machine.invalidate(0, 0, 0, 0, 0, new byte[0]);
            }
            work.unbind();
            work.detach();
            machine.closeDomain();
            return work.witnesses().size() + " accesses";
        });
    }

    /** Uses of the port fail, one in each life. */
    String exceptions(Progress progress) {
        return subject.ofEach(generation -> {
            Trouble healthy = new Trouble();
            BareMachine first = machine(generation, healthy);
            Workload.prepare(first, subject, Subject.chip(generation)).life();
            int uses = healthy.uses();
            int step = Math.max(1, (uses + FAILING_USES - 1) / FAILING_USES);
            int tried = 0;
            for (int number = 0; number < uses; number += step) {
                progress.again();
                try {
                    failing(generation, number);
                } catch (Check.Unmet e) {
                    throw new Check.Unmet("use " + number + " of the port fails: " + e.getMessage(), e);
                }
                tried++;
            }
            return tried + " of " + uses + " uses";
        });
    }

    private void failing(Generation generation, int number) {
        Trouble host = new Trouble();
        host.failUse(number);
        BareMachine machine;
        try {
            machine = machine(generation, host);
        } catch (BackendException e) {
            return;
        }
        try {
            Workload.prepare(machine, subject, Subject.chip(generation)).life();
        } catch (BackendException e) {
            // The port's own error: the core makes EIO of it for the caller.
        }
    }

    /** A driver whose chip has gone never says that an invalidation is done. */
    String gone(Progress progress) {
        return subject.ofEach(generation -> {
            progress.again();
            Trouble host = new Trouble();
            BareMachine machine = machine(generation, host);
            Workload work = Workload.started(machine, subject, Subject.chip(generation));
            work.someWitnesses();
            host.takeChipAway();
            try {
                Completion all = machine.invalidate(0, 0, 0, 0, 0, new byte[0]);
                expect(
                        all.errno() != Errno.OK || host.reads() == 0,
                        "the chip has gone, and an invalidation is answered " + all);
                if (all.errno() == Errno.OK) {
                    throw new Check.NotCovered("an invalidation only writes to the chip and asks it nothing");
                }
                return all.errno().name();
            } catch (BackendException e) {
                return e.errno().name();
            }
        });
    }

    /** Pages are the same in number after each life of a domain. */
    String pages(Progress progress) {
        return subject.ofEach(generation -> {
            Trouble host = new Trouble();
            BareMachine machine = machine(generation, host);
            Workload work = Workload.prepare(machine, subject, Subject.chip(generation));
            work.life();
            long first = host.pages();
            for (int round = 0; round < ROUNDS; round++) {
                progress.again();
                machine.openDomain();
                work.life();
            }
            expect(
                    host.pages() <= first,
                    "after " + (ROUNDS + 1) + " lives of a domain " + host.pages()
                            + " pages are taken, after the first " + first);
            return first + " pages stay";
        });
    }
}

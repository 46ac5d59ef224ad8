package org.iommu4j.testbench.conform;

import static org.iommu4j.testbench.conform.Check.expect;

import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiFunction;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.service.Progress;
import org.iommu4j.layout.Layout;

/** Checks of requests that hold for every model, on the whole way through the core. */
final class RequestChecks {
    private static final int PAGE = 4096;

    private final Subject subject;

    RequestChecks(Subject subject) {
        this.subject = subject;
    }

    /** Looks at a fresh container of each generation, with tables prepared. */
    private String ofEach(Progress progress, BiFunction<UnitClient, Workload, String> check) {
        return subject.ofEach(generation -> {
            progress.again();
            try (UnitClient client = new UnitClient(subject.service(), subject.model(), Subject.chip(generation))) {
                return check.apply(client, Workload.prepare(client, subject, Subject.chip(generation)));
            }
        });
    }

    /** The same with everything attached and bound, and some access that comes through. */
    private String ofEachAtWork(Progress progress, BiFunction<UnitClient, Workload, String> check) {
        return ofEach(progress, (client, work) -> {
            work.start();
            work.someWitnesses();
            return check.apply(client, work);
        });
    }

    /** Attached is not bound. */
    String blocked(Progress progress) {
        return ofEach(progress, (client, work) -> {
            work.attach();
            work.look();
            for (Workload.Witness witness : work.witnesses()) {
                throw new Check.Unmet(Workload.text(witness) + " comes through to 0x" + Long.toHexString(witness.spa())
                        + ", and nothing is bound");
            }
            return work.requesters().size() + " devices";
        });
    }

    /** Success means that it works. */
    String bound(Progress progress) {
        return ofEach(progress, (client, work) -> {
            work.start();
            expect(
                    work.bound().isEmpty() || !work.witnesses().isEmpty(),
                    work.bound().size() + " binds are answered with success, and no access comes through");
            return work.someWitnesses().size() + " accesses come through";
        });
    }

    /** A way to ask for the page of an access. */
    private record Form(String name, int scope, int flags) {
        boolean fits(Workload.Witness witness) {
            boolean pasid = witness.pasid() != DmaAccess.NO_PASID;
            return (scope & Uapi.SCOPE_PASID) != 0 ? pasid : !pasid || (flags & Uapi.FLAGS_NO_PASID) == 0;
        }

        Completion send(Client client, Workload.Witness witness, int granuleShift) {
            long granule = Math.max(PAGE, 1L << granuleShift);
            boolean range = (scope & Uapi.SCOPE_VADDR) != 0;
            return client.invalidate(
                    scope,
                    flags,
                    (scope & Uapi.SCOPE_PASID) != 0 ? witness.pasid() : 0,
                    range ? witness.iova() & -granule : 0,
                    range ? granule : 0,
                    new byte[0]);
        }
    }

    private static final List<Form> FORMS = List.of(
            new Form("domain", 0, 0),
            new Form("no PASID", 0, Uapi.FLAGS_NO_PASID),
            new Form("PASID", Uapi.SCOPE_PASID, 0),
            new Form("range", Uapi.SCOPE_VADDR, 0),
            new Form("range without PASID", Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID),
            new Form("leaf range without PASID", Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID | Uapi.FLAGS_VADDR_LEAF),
            new Form("range of a PASID", Uapi.SCOPE_PASID | Uapi.SCOPE_VADDR, 0),
            new Form("leaf range of a PASID", Uapi.SCOPE_PASID | Uapi.SCOPE_VADDR, Uapi.FLAGS_VADDR_LEAF));

    /** A page is taken out of the table; each form of invalidation that is answered with success makes that true. */
    String invalidate(Progress progress) {
        return subject.ofEach(generation -> {
            Set<String> tried = new TreeSet<>();
            Set<String> missed = new TreeSet<>();
            for (Form form : FORMS) {
                progress.again();
                String why = effective(generation, form);
                if (why.isEmpty()) {
                    tried.add(form.name());
                } else {
                    missed.add(why);
                }
            }
            if (tried.isEmpty()) {
                throw new Check.NotCovered(String.join("; ", missed));
            }
            return tried.size() + " forms (" + String.join(", ", tried) + ")";
        });
    }

    /** Why that form cannot be tried; empty if it was, and the device does not use the page any more. */
    private String effective(Generation generation, Form form) {
        try (UnitClient client = new UnitClient(subject.service(), subject.model(), Subject.chip(generation))) {
            Workload work = Workload.started(client, subject, Subject.chip(generation));
            for (Workload.Witness witness : work.someWitnesses()) {
                Workload.Entry entry = form.fits(witness) ? work.entry(witness) : null;
                if (entry != null && work.holds(witness)) {
                    entry.edit(client, subject.model().payloadOrder() == ByteOrder.BIG_ENDIAN);
                    Completion completion = form.send(client, witness, generation.granuleShift());
                    if (completion.errno() != Errno.OK) {
                        return form.name() + " is answered " + completion;
                    }
                    expect(
                            !work.holds(witness),
                            "the invalidation of " + form.name() + " is answered " + completion + ", and "
                                    + Workload.text(witness) + " still reaches 0x" + Long.toHexString(witness.spa())
                                    + " although its table entry at 0x" + Long.toHexString(entry.pa())
                                    + " says otherwise");
                    return "";
                }
            }
            return "no table entry of an access can be seen";
        }
    }

    /** The binding is undone. */
    String unbind(Progress progress) {
        return ofEachAtWork(progress, (client, work) -> {
            if (work.bound().isEmpty()) {
                throw new Check.NotCovered("its devices are attached to tables, and nothing is bound");
            }
            List<Completion> answers = work.unbind();
            work.expectNone("after " + answers.size() + " unbinds (the last answered " + answers.get(0) + ")");
            return work.bound().size() + " bindings";
        });
    }

    /** The device leaves. */
    String detach(Progress progress) {
        return ofEachAtWork(progress, (client, work) -> {
            for (Completion answer : work.detach()) {
                expect(answer.errno() == Errno.OK, "a device cannot be removed: " + answer);
            }
            work.expectNone("after its device was removed");
            return work.witnesses().size() + " accesses";
        });
    }

    /** Everybody leaves. */
    String close(Progress progress) {
        return ofEachAtWork(progress, (client, work) -> {
            Completion answer = client.closeDomain();
            expect(answer.errno() == Errno.OK, "the domain cannot be closed: " + answer);
            work.expectNone("after the domain was closed");
            return work.witnesses().size() + " accesses";
        });
    }

    /** Devices that nobody attached. */
    String strangers(Progress progress) {
        return ofEach(progress, (client, work) -> {
            Set<String> answers = new TreeSet<>();
            for (FuzzScene.Bind bind : work.binds()) {
                Completion answer = client.bind(bind.operation(), bind.flags(), bind.payload());
                expect(answer.errno() != Errno.OK, "a bind for a device that is in no domain is answered " + answer);
                expect(answer.errno() != Errno.EIO, "a bind for a device that is in no domain is answered " + answer);
                answers.add(answer.errno().name());
            }
            if (answers.isEmpty()) {
                throw new Check.NotCovered("nothing can be bound");
            }
            return String.join(", ", answers);
        });
    }

    /** Bits that no vendor part of a length gives a meaning. */
    String reserved(Progress progress) {
        return ofEach(progress, (client, work) -> {
            int subVersion = client.subVersion();
            int bits = 0;
            for (int length : lengths(subject.description().generation(subVersion))) {
                List<Layout> layouts = subject.backend().payloads(subVersion).stream()
                        .filter(layout -> layout.sizeBytes() == length)
                        .toList();
                if (!layouts.isEmpty()) {
                    bits += refused(client, subVersion, layouts);
                }
            }
            if (bits == 0) {
                throw new Check.NotCovered("no bit of its vendor parts is reserved in all of them");
            }
            return bits + " bits";
        });
    }

    private static List<Integer> lengths(Generation generation) {
        List<Integer> lengths = new ArrayList<>();
        generation.payloadLengths().stream()
                .map(Math::abs)
                .filter(length -> length > 0)
                .sorted()
                .forEach(lengths::add);
        return lengths;
    }

    private static int refused(Client client, int subVersion, List<Layout> layouts) {
        Layout first = layouts.get(0);
        int count = 0;
        for (int word = 0; word < first.words(); word++) {
            long mask = -1;
            for (Layout layout : layouts) {
                mask &= layout.reservedMask(word, subVersion, capability -> true);
            }
            for (long rest = mask; rest != 0; rest &= rest - 1) {
                long[] words = new long[first.words()];
                words[word] = Long.lowestOneBit(rest);
                Completion answer = client.invalidate(0, 0, 0, 0, 0, first.encode(words));
                expect(
                        answer.errno() == Errno.EINVAL && answer.rule() == Rule.V34,
                        "an invalidation with reserved bit " + Long.numberOfTrailingZeros(rest) + " of word " + word
                                + " of its vendor part is answered " + answer);
                count++;
            }
        }
        return count;
    }
}

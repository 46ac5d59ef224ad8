package org.iommu4j.testbench.conform;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.BitField;

/**
 * Devices at work in a domain. What is bound is what the model's own little software prepares ({@link FuzzSupport#prepare});
 * accesses that come through are the witnesses: what they come to, and that they come through or do not, shows what the bundle
 * has done.
 */
final class Workload {
    private static final int PAGE = 4096;
    private static final int MOST_REQUESTERS = 4;
    private static final int MOST_RANGES = 6;
    private static final int MOST_PASIDS = 3;
    private static final int PAGES_OF_A_RANGE = 4;

    /** Witnesses of one device and one PASID that are enough. */
    private static final int ENOUGH = 4;

    private final Client client;
    private final Backend backend;
    private final FuzzScene scene;
    private final List<FuzzScene.Bind> binds;
    private final Map<Integer, FuzzScene.Root> tables = new LinkedHashMap<>();
    private final List<FuzzScene.Bind> bound = new ArrayList<>();
    private final List<Witness> witnesses = new ArrayList<>();
    private final Map<Page, Entry> shown = new HashMap<>();
    private final DmaAccess access = new DmaAccess();

    /**
     * An access that comes through.
     *
     * @param requester device that makes it
     * @param pasid its PASID, or {@link DmaAccess#NO_PASID}
     * @param iova where to
     * @param rights wanted
     * @param spa where it ends
     */
    record Witness(int requester, int pasid, long iova, int rights, long spa) {}

    /** A page of a device, as it names it. */
    private record Page(int requester, int pasid, long iova) {}

    private Workload(Client client, Backend backend, FuzzScene scene, boolean reversed) {
        this.client = client;
        this.backend = backend;
        this.scene = scene;
        binds = new ArrayList<>(scene.binds());
        if (reversed) {
            Collections.reverse(binds);
        }
    }

    /**
     * Tables in the memory of a machine, of which nothing is attached or bound yet.
     *
     * @throws Check.NotCovered if the bundle has no software of its own
     */
    static Workload prepare(Client client, Subject subject, HardwareConfig config) {
        return prepare(client, subject, config, subject.scenes().of(config));
    }

    /** The same in another way. */
    static Workload prepare(Client client, Subject subject, HardwareConfig config, Scenes.Scene way) {
        FuzzSupport fuzz = subject.backend().bench().fuzz();
        FuzzScene scene = BareMachine.typed(
                "FuzzSupport.prepare", () -> fuzz.prepare(config, client.port(), new SplittableRandom(way.seed())));
        if (scene.requesters().isEmpty()
                || (scene.binds().isEmpty() && scene.roots().isEmpty())) {
            throw new Check.NotCovered("its FuzzSupport.prepare gives no devices with something to bind");
        }
        return new Workload(client, subject.backend(), scene, way.reversed());
    }

    /** The same with everything attached and bound, and witnesses found. */
    static Workload started(Client client, Subject subject, HardwareConfig config) {
        Workload work = prepare(client, subject, config);
        work.start();
        return work;
    }

    /** Attaches and binds everything, and finds witnesses. */
    void start() {
        attach();
        bind();
        look();
    }

    /** The devices. */
    List<Integer> requesters() {
        return scene.requesters().stream().distinct().limit(MOST_REQUESTERS).toList();
    }

    /** The binds that the software of the model proposes. */
    List<FuzzScene.Bind> binds() {
        return binds;
    }

    /** Adds every device, blocked. */
    void attach() {
        for (int requester : requesters()) {
            client.attach(requester);
        }
    }

    /** Binds what can be bound; devices for which nothing can be are attached to a table instead. */
    void bind() {
        for (FuzzScene.Bind bind : binds) {
            if (client.bind(bind.operation(), bind.flags(), bind.payload()).errno() == Errno.OK) {
                bound.add(bind);
            }
        }
        if (!bound.isEmpty() || scene.roots().isEmpty()) {
            return;
        }
        for (int requester : requesters()) {
            for (FuzzScene.Root root : scene.roots()) {
                client.detach(requester);
                if (client.attach(requester, root).errno() == Errno.OK) {
                    tables.put(requester, root);
                    break;
                }
                client.attach(requester);
            }
        }
    }

    /** Finds witnesses. A device that a fault has stopped is brought back. */
    void look() {
        List<Integer> pasids = new ArrayList<>(List.of(DmaAccess.NO_PASID));
        scene.pasids().stream().limit(MOST_PASIDS).forEach(pasids::add);
        for (int requester : requesters()) {
            Witness last = null;
            for (int pasid : pasids) {
                int found = 0;
                for (long iova : addresses()) {
                    for (int rights : new int[] {DmaAccess.READ, DmaAccess.WRITE}) {
                        if (found < ENOUGH && translates(requester, pasid, iova, rights)) {
                            last = new Witness(requester, pasid, iova, rights, access.spa());
                            witnesses.add(last);
                            found++;
                        } else if (found < ENOUGH && !isAlive(requester, last)) {
                            renew(requester);
                        }
                    }
                }
            }
        }
        // A later access may have stopped a device for which there are witnesses already.
        for (int requester : requesters()) {
            if (witnesses.stream().anyMatch(witness -> witness.requester() == requester && !holds(witness))) {
                renew(requester);
            }
        }
        witnesses.removeIf(witness -> !holds(witness));
    }

    private List<Long> addresses() {
        List<Long> addresses = new ArrayList<>();
        for (PlatformConfig.Range range :
                scene.addresses().stream().limit(MOST_RANGES).toList()) {
            long pages = Math.max(1, range.lengthBytes() / PAGE);
            for (int i = 0; i < Math.min(pages, PAGES_OF_A_RANGE); i++) {
                addresses.add((range.base() & -PAGE) + (long) i * PAGE);
            }
        }
        return addresses;
    }

    private boolean isAlive(int requester, Witness last) {
        return last != null && translates(requester, last.pasid(), last.iova(), last.rights());
    }

    /** Removes a device and adds it again, with its bindings. */
    private void renew(int requester) {
        client.detach(requester);
        FuzzScene.Root root = tables.get(requester);
        if (root == null) {
            client.attach(requester);
        } else {
            client.attach(requester, root);
        }
        for (FuzzScene.Bind bind : bound) {
            if (isOf(bind, requester)) {
                client.bind(bind.operation(), bind.flags(), bind.payload());
            }
        }
    }

    /** True unless the vendor part names another device. */
    private boolean isOf(FuzzScene.Bind bind, int requester) {
        for (BindFormat format : backend.bindFormats()) {
            if (format.operation() == bind.operation() && format.layout().sizeBytes() == bind.payload().length) {
                for (BitField field : format.layout().fields()) {
                    if (field.name().equalsIgnoreCase("requester")) {
                        return field.getInt(format.layout().decode(bind.payload(), 0)[field.word()]) == requester;
                    }
                }
            }
        }
        return true;
    }

    private boolean translates(int requester, int pasid, long iova, int rights) {
        Page page = new Page(requester, pasid, iova);
        access.explainTo((what, pa, word) -> shown.put(page, new Entry(pa, word)));
        client.access(access.begin(requester, iova, rights).withPasid(pasid));
        access.explainTo(null);
        return access.outcome() == DmaAccess.Outcome.TRANSLATED;
    }

    /** Accesses that come through. */
    List<Witness> witnesses() {
        return witnesses;
    }

    /**
     * Accesses that come through, at least one.
     *
     * @throws Check.NotCovered if there is none
     */
    List<Witness> someWitnesses() {
        if (witnesses.isEmpty()) {
            throw new Check.NotCovered("no access comes through the tables of its FuzzSupport.prepare (" + bound.size()
                    + " of " + scene.binds().size() + " binds taken)");
        }
        return witnesses;
    }

    /** Binds that were answered with success. */
    List<FuzzScene.Bind> bound() {
        return bound;
    }

    /** Outcome of an access now, in words. */
    String outcome(Witness witness) {
        return translates(witness.requester(), witness.pasid(), witness.iova(), witness.rights())
                ? "0x" + Long.toHexString(access.spa())
                : access.outcome().name();
    }

    /** True if an access ends where it ended when it was found. */
    boolean holds(Witness witness) {
        return translates(witness.requester(), witness.pasid(), witness.iova(), witness.rights())
                && access.spa() == witness.spa();
    }

    /**
     * Checks that every witness ends where it ended.
     *
     * @param when a part of the message
     */
    void expectAll(String when) {
        for (Witness witness : witnesses) {
            Check.expect(
                    holds(witness),
                    () -> when + " " + text(witness) + " comes to " + outcome(witness) + ", before to 0x"
                            + Long.toHexString(witness.spa()));
        }
    }

    /**
     * Checks that no witness comes through.
     *
     * @param when a part of the message
     */
    void expectNone(String when) {
        for (Witness witness : witnesses) {
            Check.expect(
                    !translates(witness.requester(), witness.pasid(), witness.iova(), witness.rights()),
                    when + " " + text(witness) + " still reaches 0x" + Long.toHexString(access.spa()));
        }
    }

    /** An access for messages. */
    static String text(Witness witness) {
        return "an access of device 0x" + Integer.toHexString(witness.requester())
                + (witness.pasid() == DmaAccess.NO_PASID ? "" : ", PASID 0x" + Integer.toHexString(witness.pasid()))
                + " to 0x" + Long.toHexString(witness.iova());
    }

    /**
     * The entry of the last table that an access reads.
     *
     * @param pa where it is
     * @param word its first 64 bits as a number
     */
    record Entry(long pa, long word) {
        /** Bits of an address in the entry of any model's table of pages of 4096 bytes. */
        private static final long ADDRESS = 0x000f_ffff_ffff_f000L;

        /** Target of pages that are moved: above the tables, below the smallest host address width. */
        private static final long ELSEWHERE = 0x8000_0000L;

        private boolean leadsTo(Witness witness) {
            return (word & ADDRESS) == (witness.spa() & ADDRESS);
        }

        /** Makes the entry lead elsewhere. */
        void edit(Client client, boolean bigEndian) {
            long edited = (word & ~ADDRESS) | ELSEWHERE;
            if (bigEndian) {
                client.port().platform().memory().writeLongBe(pa, edited);
            } else {
                client.port().platform().memory().writeLongLe(pa, edited);
            }
        }
    }

    /**
     * The entry of a client's page table that leads a witness to its page, as the chip read it at the first access; null if the
     * chip did not show one, as where accesses pass untranslated. A table of the host's, such as that of the devices, is no client's.
     */
    Entry entry(Witness witness) {
        Entry last = shown.get(new Page(witness.requester(), witness.pasid(), witness.iova()));
        boolean clients =
                last != null && client.port().platform().deviceMemory().contains(last.pa(), Long.BYTES);
        return clients && last.leadsTo(witness) ? last : null;
    }

    /** Unbinds everything that was bound, the last first. */
    List<Completion> unbind() {
        List<Completion> answers = new ArrayList<>();
        for (int i = bound.size() - 1; i >= 0; i--) {
            FuzzScene.Bind bind = bound.get(i);
            answers.add(client.bind(bind.operation(), bind.flags() | Uapi.BIND_FLAG_UNBIND, bind.payload()));
        }
        return answers;
    }

    /** Removes every device. */
    List<Completion> detach() {
        return requesters().stream().map(client::detach).toList();
    }

    /** Everything that a client does in the life of a domain, whatever the answers are; for hosts that make trouble. */
    void life() {
        start();
        client.invalidate(0, 0, 0, 0, 0, new byte[0]);
        for (Witness witness : witnesses) {
            client.invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, witness.iova() & -PAGE, PAGE, new byte[0]);
        }
        unbind();
        detach();
        client.closeDomain();
        forget();
    }

    /** Begins anew in an empty domain. */
    private void forget() {
        tables.clear();
        bound.clear();
        witnesses.clear();
        shown.clear();
    }
}

package org.iommu4j.driver.domain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.junit.jupiter.api.Test;

class DomainBooksTest {
    private final List<String> calls = new ArrayList<>();
    private final Completion completion = new Completion();
    private final Chip chip = new Chip();
    private final DomainBooks<Space, String> books = new DomainBooks<>(chip);

    private static final class Space implements DomainRecord<String> {
        private final Members<String> members;
        private int devices;

        private Space(int number) {
            members = new Members<>(number);
        }

        @Override
        public Members<String> members() {
            return members;
        }

        @Override
        public void rebuild() {
            devices = members.devices().size();
        }
    }

    /** Writes down what it is asked, and refuses what it is told to. */
    private final class Chip implements DomainPolicy<Space, String> {
        private Errno answer = Errno.OK;
        private RuntimeException thrown;

        private int done(String call, Completion to) {
            calls.add(call);
            if (thrown != null) {
                throw thrown;
            }
            return Answers.of(answer, to);
        }

        @Override
        public Space open(int number, Completion to) {
            if (number == 13) {
                to.fail(Errno.ENOSPC, "no room");
                return null;
            }
            return new Space(number);
        }

        @Override
        public int close(Space domain, Completion to) {
            assertNull(books.find(domain.members().number()));
            return done("close " + domain.members().devices(), to);
        }

        @Override
        public int key(int requester) {
            return requester & 0xff;
        }

        @Override
        public String device(Space domain, int requester, Completion to) {
            if (requester == 0x66) {
                to.refuse(Errno.EINVAL, "requester", requester, "no such device");
                return null;
            }
            return "d" + Integer.toHexString(requester);
        }

        @Override
        public int attach(Space domain, String device, long table, int levels, Completion to) {
            return done("attach " + device, to);
        }

        @Override
        public int detach(Space domain, String device, Completion to) {
            return done("detach " + device, to);
        }

        @Override
        public void saveDomain(Space domain, SnapshotWriter out) {
            out.putInt(domain.devices);
        }

        @Override
        public Space loadDomain(int number, SnapshotReader in) {
            in.getInt();
            return new Space(number);
        }

        @Override
        public void saveDevice(Space domain, String device, SnapshotWriter out) {
            out.putString(device);
        }

        @Override
        public String loadDevice(Space domain, int key, SnapshotReader in) {
            return in.getString();
        }
    }

    private Errno open(int number) {
        books.open(number, completion.begin());
        return completion.errno();
    }

    private Errno attach(int number, int requester) {
        books.attach(number, requester, DomainPolicy.BLOCKED, 0, completion.begin());
        return completion.errno();
    }

    private Errno detach(int number, int requester) {
        books.detach(number, requester, completion.begin());
        return completion.errno();
    }

    @Test
    void shouldHaveADeviceInOneDomainAtATime() {
        assertEquals(Errno.OK, open(1));
        assertEquals(Errno.OK, open(2));
        assertEquals(Errno.EEXIST, open(1));
        assertEquals(Errno.EINVAL, open(65_536));
        assertEquals(Errno.ENOSPC, open(13));
        assertEquals(Errno.ENOENT, attach(3, 8));
        assertEquals("domain", completion.field());
        assertEquals(Errno.OK, attach(1, 8));
        assertEquals(1, books.find(1).devices);
        assertEquals(Errno.EEXIST, attach(1, 8));
        assertEquals(Errno.EBUSY, attach(2, 0x108), "under another name");
        assertEquals("requester", completion.field());
        assertEquals(0x108, completion.value());
        assertEquals(Errno.ENODEV, detach(2, 8));
        assertEquals(Errno.OK, detach(1, 8));
        assertEquals(Errno.OK, attach(2, 8));
        assertSame(books.find(2), books.ownerOf(8));
        assertEquals(List.of("attach d8", "detach d8", "attach d8"), calls);
    }

    @Test
    void shouldBeAsBeforeWhenTheChipRefuses() {
        open(1);
        chip.answer = Errno.EIO;
        assertEquals(Errno.EIO, attach(1, 8));
        assertEquals(Rule.V38, completion.rule());
        assertNull(books.ownerOf(8));
        assertEquals(Errno.EINVAL, attach(1, 0x66));
        chip.answer = Errno.OK;
        attach(1, 8);
        chip.answer = Errno.EIO;
        assertEquals(Errno.EIO, detach(1, 8));
        assertSame(books.find(1), books.ownerOf(8));
        assertEquals(1, books.find(1).devices);
    }

    @Test
    void shouldNotKeepADeviceWhoseAttachingBroke() {
        open(1);
        chip.thrown = new BackendException(Errno.EIO, "broken");
        assertThrows(BackendException.class, () -> attach(1, 8));
        assertNull(books.ownerOf(8));
        assertEquals(0, books.find(1).devices);
    }

    @Test
    void shouldBeRidOfADomainWhateverTheChipSays() {
        open(1);
        attach(1, 8);
        attach(1, 9);
        chip.answer = Errno.EIO;
        books.close(1, completion.begin());
        assertEquals(Errno.EIO, completion.errno());
        assertEquals("close [d8, d9]", calls.get(2));
        assertNull(books.ownerOf(8));
        chip.answer = Errno.OK;
        assertEquals(Errno.OK, open(1));
        assertEquals(Errno.OK, attach(1, 8));
        books.close(7, completion.begin());
        assertEquals(Errno.ENOENT, completion.errno());
    }

    @Test
    void shouldGoOnFromASavedState() {
        open(5);
        open(2);
        attach(5, 0x18);
        attach(5, 9);
        SnapshotWriter out = new SnapshotWriter(IommuModel.ofCode(0), Snapshot.Kind.TRANSLATOR, 1);
        books.save(out.section("domains"));
        DomainBooks<Space, String> next = new DomainBooks<>(chip);
        SnapshotReader in = new SnapshotReader(out.build()).section("domains");
        next.load(in);
        in.endSection();
        assertEquals(
                List.of(2, 5),
                next.open().stream().map(domain -> domain.members().number()).toList());
        assertEquals(List.of("d9", "d18"), List.copyOf(next.find(5).members().devices()));
        assertSame(next.find(5), next.ownerOf(9));
        assertEquals(2, next.find(5).devices);
        assertEquals(Fidelity.EXACT, completion.fidelity());
    }

    @Test
    void shouldRefuseAStateThatHasADeviceTwice() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.ofCode(0), Snapshot.Kind.TRANSLATOR, 1);
        out.section("domains").putInt(2);
        for (int number = 0; number < 2; number++) {
            out.putInt(number).putInt(1).putInt(1).putInt(8).putString("d8");
        }
        assertThrows(
                BackendException.class,
                () -> new DomainBooks<>(chip).load(new SnapshotReader(out.build()).section("domains")));
    }
}

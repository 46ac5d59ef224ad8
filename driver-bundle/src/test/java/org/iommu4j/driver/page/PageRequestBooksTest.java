package org.iommu4j.driver.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.junit.jupiter.api.Test;

/** Books of page requests on a chip that is a list: device n is of domain n, those from 100 on are nobody's. */
class PageRequestBooksTest {
    private static final int NOBODYS = 100;

    private final Chip chip = new Chip();
    private PageRequestBooks books = new PageRequestBooks(chip);
    private final Completion completion = new Completion();

    private static final class Chip implements PageRequestPort {
        private final Deque<PageRequest> queue = new ArrayDeque<>();
        private final List<String> answers = new ArrayList<>();
        private boolean full;
        private Errno outcome = Errno.OK;

        @Override
        public boolean read(Consumer<PageRequest> sink) {
            boolean wasFull = full;
            full = false;
            while (!queue.isEmpty()) {
                sink.accept(queue.remove());
            }
            return wasFull;
        }

        @Override
        public int ownerOf(PageRequest request) {
            return request.requester() < NOBODYS ? request.requester() : NOBODY;
        }

        @Override
        public void answer(PageRequest last, PageResponse response) {
            answers.add(last.requester() + ":" + last.group() + " " + response);
        }

        @Override
        public Errno finish() {
            return outcome;
        }
    }

    private static PageRequest request(int device, int group, boolean last) {
        return new PageRequest(device, 3, 0x1000, true, false, false, true, last, group);
    }

    private List<PageRequest> take(int domain) {
        List<PageRequest> taken = new ArrayList<>();
        assertEquals(0, books.take(domain, taken, completion.begin()));
        return taken;
    }

    private Errno respond(int domain, int group) {
        books.respond(domain, request(domain, group, true), PageResponse.SUCCESS, completion.begin());
        return completion.errno();
    }

    private void swap() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.ofCode(0), Snapshot.Kind.TRANSLATOR, 1);
        books.save(out);
        books = new PageRequestBooks(chip);
        books.load(domain -> domain < NOBODYS, new SnapshotReader(out.build()));
    }

    @Test
    void shouldGiveEachDomainItsOwnInTheOrderInWhichTheyCame() {
        chip.queue.addAll(List.of(request(1, 5, false), request(2, 5, true), request(1, 5, true)));
        assertEquals(List.of(request(1, 5, false), request(1, 5, true)), take(1));
        assertEquals(List.of(), take(1));
        assertEquals(Errno.ENOENT, respond(2, 5));
        assertEquals(List.of(request(2, 5, true)), take(2));
        assertEquals(Errno.OK, respond(2, 5));
        assertEquals(Errno.OK, respond(1, 5));
        assertEquals(Errno.ENOENT, respond(1, 5));
        assertEquals(List.of("2:5 SUCCESS", "1:5 SUCCESS"), chip.answers);
    }

    @Test
    void shouldKeepWhatWaitsAndWhatIsOpenOverASwap() {
        chip.queue.add(request(1, 1, true));
        take(1);
        chip.queue.addAll(List.of(request(1, 2, true), request(2, 3, true)));
        take(2);
        swap();
        assertEquals(List.of(request(1, 2, true)), take(1));
        swap();
        assertEquals(Errno.OK, respond(1, 1));
        assertEquals(Errno.OK, respond(1, 2));
        assertEquals(Errno.OK, respond(2, 3));
        assertEquals(3, chip.answers.size());
    }

    @Test
    void shouldRefuseAStateWithRequestsOfADomainThatIsNotOpen() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.ofCode(0), Snapshot.Kind.TRANSLATOR, 1);
        chip.queue.add(request(1, 1, true));
        take(1);
        books.save(out);
        SnapshotReader in = new SnapshotReader(out.build());
        PageRequestBooks others = new PageRequestBooks(chip);
        assertEquals(
                Errno.EINVAL,
                assertThrows(BackendException.class, () -> others.load(domain -> false, in))
                        .errno());
    }

    @Test
    void shouldAnswerWhatIsNobodysAndNothingThatWantsNoAnswer() {
        PageRequest marker = new PageRequest(NOBODYS, DmaAccess.NO_PASID, 0, false, false, false, false, true, 9);
        chip.queue.addAll(List.of(request(NOBODYS, 7, false), request(NOBODYS, 7, true), marker));
        assertEquals(List.of(), take(1));
        assertEquals(List.of("100:7 INVALID"), chip.answers);
    }

    @Test
    void shouldAnswerWithSuccessWhatIsTooMuchForAGuestThatTakesNothing() {
        IntStream.range(0, PageRequestBooks.MOST_WAITING + 2).forEach(i -> chip.queue.add(request(1, i % 512, true)));
        assertEquals(PageRequestBooks.MOST_WAITING, take(1).size());
        assertEquals(List.of("1:0 SUCCESS", "1:1 SUCCESS"), chip.answers);
        swap();
        assertEquals(Errno.OK, respond(1, 0));
    }

    @Test
    void shouldKeepNoMoreOpenThanASavedStateMayHave() {
        for (int round = 0; round < 6; round++) {
            IntStream.range(0, PageRequestBooks.MOST_WAITING).forEach(i -> chip.queue.add(request(1, i % 512, true)));
            take(1);
        }
        swap();
        assertEquals(6 * PageRequestBooks.MOST_WAITING - PageRequestBooks.MOST_OPEN, chip.answers.size());
    }

    @Test
    void shouldDrainAgainWhileTheQueueHadNoRoom() {
        int[] drains = {0};
        chip.queue.add(request(1, 1, true));
        Errno outcome = books.end(1, request -> request.group() != 3, () -> {
            chip.queue.add(request(1, 2 + drains[0], true));
            chip.full = drains[0]++ == 0;
            return Errno.OK;
        });
        assertEquals(Errno.OK, outcome);
        assertEquals(2, drains[0]);
        assertEquals(List.of("1:1 INVALID", "1:2 INVALID"), chip.answers);
        assertEquals(List.of(request(1, 3, true)), take(1));
    }

    @Test
    void shouldEndADrainThatNeverEnds() {
        int[] drains = {0};
        assertEquals(Errno.OK, books.end(1, request -> true, () -> {
            chip.full = true;
            drains[0]++;
            return Errno.OK;
        }));
        assertEquals(4, drains[0]);
    }

    @Test
    void shouldAnswerWhatHasEndedEvenIfTheChipDoesNotDrain() {
        chip.queue.add(request(1, 1, true));
        take(1);
        assertEquals(Errno.ETIMEDOUT, books.end(1, request -> true, () -> Errno.ETIMEDOUT));
        assertEquals(List.of("1:1 INVALID"), chip.answers);
        assertEquals(Errno.ENOENT, respond(1, 1));
    }

    @Test
    void shouldSayThatAnAnswerWasNotCarriedOut() {
        chip.queue.add(request(1, 1, true));
        take(1);
        chip.outcome = Errno.EIO;
        assertEquals(Errno.EIO, respond(1, 1));
        assertEquals(Rule.V38, completion.rule());
    }
}

package org.iommu4j.simulation.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageRequest.Outcome;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.junit.jupiter.api.Test;

class GuestPageRequestsTest {
    private static final int DOMAIN = 6;
    private static final int DEVICE = 3;

    private final List<PageRequest> waiting = new ArrayList<>();
    private final List<String> answers = new ArrayList<>();
    private Errno outcome = Errno.OK;

    private final GuestRequests sink = new GuestRequests() {
        @Override
        public Completion request(int guestDomain, byte[] bytes) {
            throw new AssertionError("no request of form 1");
        }

        @Override
        public void handled(String why) {
            throw new AssertionError(why);
        }

        @Override
        public void refused(String reason) {
            throw new AssertionError(reason);
        }

        @Override
        public void move(int requester, int guestDomain) {
            throw new AssertionError("no device moves");
        }

        @Override
        public int takePageRequests(int guestDomain, List<PageRequest> taken) {
            assertEquals(DOMAIN, guestDomain);
            taken.addAll(waiting);
            waiting.clear();
            return 0;
        }

        @Override
        public int respond(int guestDomain, PageRequest last, PageResponse response) {
            answers.add(
                    guestDomain + " " + last.requester() + " " + last.pasid() + " " + last.group() + " " + response);
            return outcome.code();
        }
    };

    private static PageRequest request(int group) {
        return new PageRequest(DEVICE, DmaAccess.NO_PASID, 0x1000, true, false, false, false, true, group);
    }

    @Test
    void shouldAnswerWhatTheVirtualUnitAnswersAndLeaveTheRestToTheGuest() {
        Outcome[] outcomes = {Outcome.QUEUED, Outcome.ANSWERED, Outcome.INVALID, Outcome.DROPPED};
        for (int group = 0; group < outcomes.length; group++) {
            waiting.add(request(group));
        }
        GuestPageRequests.take(DOMAIN, request -> outcomes[request.group()], () -> PageResponse.SUCCESS, sink);
        assertEquals(List.of("6 3 -1 1 SUCCESS", "6 3 -1 2 FAILURE"), answers);
    }

    @Test
    void shouldPassAnAnswerOnAndSayWhetherTheHostCarriedItOut() {
        assertTrue(GuestPageRequests.answer(DOMAIN, DEVICE, 5, 7, PageResponse.INVALID, sink));
        assertEquals(List.of("6 3 5 7 INVALID"), answers);
        outcome = Errno.ENOENT;
        assertTrue(GuestPageRequests.answer(DOMAIN, DEVICE, 5, 7, PageResponse.INVALID, sink));
        outcome = Errno.EIO;
        assertFalse(GuestPageRequests.answer(DOMAIN, DEVICE, 5, 7, PageResponse.INVALID, sink));
        outcome = Errno.ETIMEDOUT;
        assertFalse(GuestPageRequests.answer(DOMAIN, DEVICE, 5, 7, PageResponse.INVALID, sink));
    }
}

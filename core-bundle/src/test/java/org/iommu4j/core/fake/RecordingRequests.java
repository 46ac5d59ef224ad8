package org.iommu4j.core.fake;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.contract.Completion;

/** A sink that remembers. */
public class RecordingRequests implements GuestRequests {
    public final List<String> seen = new ArrayList<>();

    @Override
    public Completion request(int guestDomain, byte[] bytes) {
        seen.add("request " + bytes.length);
        return new Completion().begin();
    }

    @Override
    public void handled(String why) {
        seen.add("handled " + why);
    }

    @Override
    public void refused(String reason) {
        seen.add("refused " + reason);
    }

    @Override
    public void move(int requester, int guestDomain) {
        seen.add("move " + requester + " " + guestDomain);
    }
}

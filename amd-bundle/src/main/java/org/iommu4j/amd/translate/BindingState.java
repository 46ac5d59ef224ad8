package org.iommu4j.amd.translate;

import org.iommu4j.amd.command.BindPasidTable;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.table.TableLevel;
import org.iommu4j.backend.Platform;
import org.iommu4j.driver.domain.TranslationTags;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/** Domains and devices in a saved state, as the description of this package has them. */
final class BindingState {
    private static final int[] NONE = {};
    private static final int DOMAIN_IDS = Bindings.DOMAIN_IDS;

    // Kinds of a device; a reader that does not know page requests refuses them.
    private static final int DEVICE_TLB = 1;
    private static final int PAGE_REQUESTS = 2;
    private static final int[] FLAGS_OF_KINDS = {0, (int) BindPgtable.FLAG_DEVICE_TLB.mask(), BindPgtable.DEVICE_FLAGS};

    private final Platform platform;
    private final TranslationTags domainIds;
    private final int mostKind;

    /**
     * For the pages of a platform and the domain ids that are in use.
     *
     * @param pageRequests true if the chip has page requests
     */
    BindingState(Platform platform, TranslationTags domainIds, boolean pageRequests) {
        this.platform = platform;
        mostKind = pageRequests ? PAGE_REQUESTS : DEVICE_TLB;
        this.domainIds = domainIds;
    }

    /** Writes the stages of a domain. */
    void saveDomain(Domain domain, SnapshotWriter out) {
        out.putInt(domain.stages().size());
        for (Stage stage : domain.stages()) {
            Context context = stage.context();
            out.putLong(context.hostRoot())
                    .putInt(context.mode())
                    .putLong(context.gcr3Root())
                    .putInt(context.glx())
                    .putInt(context.guestPagingMode())
                    .putBoolean(context.giov())
                    .putBoolean(stage.hasOpenPasids())
                    .putInt(stage.guestDomain())
                    .putInt(stage.domainId());
        }
    }

    /** Reads a domain with its stages. */
    Domain loadDomain(int number, SnapshotReader in) {
        Domain domain = new Domain(number);
        int count = in.getCount(DOMAIN_IDS);
        for (int i = 0; i < count; i++) {
            Context context = new Context(
                    in.getPage("host table"), in.getInt(), in.getLong(), in.getInt(), in.getInt(), in.getBoolean());
            boolean open = in.getBoolean();
            int guestDomain = in.getIndex(DOMAIN_IDS, "guest domain id");
            int domainId = in.getInt();
            if (!domainIds.isTaken(domainId) || !isPossible(context)) {
                throw in.invalid("domain id " + domainId + " with " + context);
            }
            Stage stage = new Stage(context, guestDomain, domainId);
            stage.pasids(NONE, open);
            domain.stages().add(stage);
        }
        return domain;
    }

    private static boolean isPossible(Context context) {
        return context.mode() >= 0
                && context.mode() <= TableLevel.MOST
                && context.glx() >= 0
                && !BindPasidTable.GLX.isReservedValue(context.glx())
                && !BindPasidTable.GUEST_PAGING_MODE.isReservedValue(context.guestPagingMode())
                && (context.gcr3Root() == Context.NO_GUEST
                        || (context.gcr3Root() & ~BindPasidTable.TABLE_ROOT.mask()) == 0);
    }

    /** Writes how a device is bound. */
    void saveDevice(Domain domain, Device device, SnapshotWriter out) {
        out.putInt(device.stage() == null ? -1 : domain.stages().indexOf(device.stage()))
                .putBoolean(device.hostBound())
                .putByte(device.pageRequests() ? PAGE_REQUESTS : device.deviceTlb() ? DEVICE_TLB : 0)
                .putInt(device.guestDomain())
                .putInt(device.guestDomainBelow())
                .putBoolean(device.pasids() != null);
        if (device.pasids() != null) {
            device.pasids().save(out);
        }
    }

    /** Reads how a device is bound. */
    Device loadDevice(Domain domain, int key, SnapshotReader in) {
        Device device = new Device(domain, key);
        int stage = in.getInt();
        device.hostBound(in.getBoolean());
        int kind = in.getByte();
        device.guestDomain(in.getIndex(DOMAIN_IDS, "guest domain id"));
        device.guestDomainBelow(in.getIndex(DOMAIN_IDS, "guest domain id"));
        if (in.getBoolean()) {
            device.pasids(PasidTable.load(platform, in));
        }
        if (key < 0
                || key >= Bindings.REQUESTERS
                || kind > mostKind
                || stage < -1
                || stage >= domain.stages().size()) {
            throw in.invalid("device " + key + " with stage " + stage);
        }
        device.flags(FLAGS_OF_KINDS[kind]);
        if (stage >= 0) {
            Stage bound = domain.stages().get(stage);
            bound.users(bound.users() + 1);
            device.stage(bound);
            if (device.pasids() != null) {
                bound.pasids(device.boundPasids(), false);
            }
        }
        return device;
    }
}

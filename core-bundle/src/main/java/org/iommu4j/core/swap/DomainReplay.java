package org.iommu4j.core.swap;

import java.util.Map;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Mapping;
import org.iommu4j.core.backends.ChipMaker;
import org.iommu4j.core.containers.BindLog;
import org.iommu4j.core.containers.CoreContainer;
import org.iommu4j.core.containers.Session;

/**
 * Brings the domain of a container back on a chip fresh from reset, from what the core kept: the attached devices and the
 * bytes of every bind that is in force.
 */
final class DomainReplay {
    /** In place of the address of a host table: the device is blocked until a bind. */
    private static final long BLOCKED = -1;

    private DomainReplay() {}

    /** True if everything of a container is there again; else the completion tells why not. */
    static boolean replay(Translator translator, CoreContainer container, Session session, Completion completion) {
        // Bindings that were lost once stay lost: the devices of such a container must not translate by half of them.
        boolean blocked = session == null || session.isStale();
        if (translator.openDomain(container.id(), completion.begin()) != 0) {
            return false;
        }
        if (!replayMemory(translator, container, completion)) {
            return false;
        }
        for (Map.Entry<Integer, CoreContainer.Attachment> device :
                container.attachments().entrySet()) {
            int code = translator.attach(
                    container.id(),
                    device.getKey(),
                    blocked ? BLOCKED : device.getValue().table(),
                    device.getValue().levels(),
                    completion.begin());
            if (code != 0) {
                return false;
            }
        }
        if (blocked || session.refuses()) {
            return true;
        }
        BindRequest request = new BindRequest();
        for (BindLog.Entry binding : container.binds().entries()) {
            if (translator.bind(container.id(), binding.into(request), completion.begin()) != 0) {
                return false;
            }
        }
        return container.attachments().isEmpty() || dropEverything(translator, container, completion);
    }

    /** The memory comes before whatever translates through it. */
    private static boolean replayMemory(Translator translator, CoreContainer container, Completion completion) {
        if (!container.memory().isBegun()) {
            return true;
        }
        if (translator.beginMap(container.id(), completion.begin()) != 0) {
            return false;
        }
        container.memory().servedWith(translator.memoryMap().pageSizes());
        for (Mapping mapping : container.memory().inForce()) {
            if (translator.map(container.id(), mapping, completion.begin()) != 0) {
                return false;
            }
        }
        return true;
    }

    private static boolean dropEverything(Translator translator, CoreContainer container, Completion completion) {
        InvalidateRequest everything =
                new InvalidateRequest().set(0, 0, 0, 0, 0, translator.subVersion(), new byte[0], 0, 0);
        return ChipMaker.invalidate(translator, container.id(), everything, completion.begin()) == 0
                && translator.finish(completion) == 0;
    }

    /**
     * Empties a domain whose bindings could not be brought back; its devices stay in it, and blocked. A fresh chip that
     * cannot even do that has them blocked anyway.
     *
     * @return true if the chip did as asked
     */
    static boolean block(Translator translator, CoreContainer container) {
        Completion completion = new Completion();
        translator.closeDomain(container.id(), completion);
        boolean done =
                CoreContainer.isGone(completion) && translator.openDomain(container.id(), completion.begin()) == 0;
        for (int requester : container.attachments().keySet()) {
            done = done && translator.attach(container.id(), requester, BLOCKED, 0, completion.begin()) == 0;
        }
        if (!done) {
            translator.closeDomain(container.id(), completion.begin());
            container.blockDevices();
        }
        return done;
    }
}
